/** Calls in neutral words that every dialect can carry, made at random, and what can be compared of them. */
import fc from 'fast-check';
import type { Conversation, Part, ReasoningWish, Tool, ToolChoice, Turn } from '#core/call.ts';
import { words } from '#dialects/openai-chat/words.ts';
import { text } from './answers.ts';

const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,11}$/);
/** Text that says something: some vendors refuse what is blank. */
const saying = fc.array(text, { minLength: 1, maxLength: 3 }).map((of) => `x${of.join('')}`);
const said = saying.map((of): Part => ({ type: 'text', text: of }));
const picture = fc.base64String({ minLength: 4, maxLength: 12 }).map((data): Part => ({
  type: 'image',
  source: { kind: 'base64', mediaType: 'image/png', data },
}));
const linked = word.map((name): Part => ({
  type: 'image',
  source: { kind: 'url', url: `https://${name}.test/` },
}));

const user = fc
  .array(fc.oneof(said, picture, linked), { minLength: 1, maxLength: 3 })
  .map((parts): Turn[] => [{ role: 'user', parts }]);
const assistant = said.map((part): Turn[] => [{ role: 'assistant', parts: [part] }]);
/** A tool loop: calls, and a result for each. */
const loop = fc
  .array(fc.tuple(word, fc.dictionary(word, saying, { maxKeys: 2 }), saying), { minLength: 1, maxLength: 3 })
  .map((calls): Turn[] => [
    {
      role: 'assistant',
      parts: calls.map(([name, input], i) => ({
        type: 'tool-call',
        id: `call_${i}`,
        name,
        arguments: JSON.stringify(input),
      })),
    },
    {
      role: 'tool',
      parts: calls.map(([, , result], i) => ({
        type: 'tool-result',
        callId: `call_${i}`,
        parts: [{ type: 'text', text: result }],
        isError: false,
      })),
    },
  ]);
const system = saying.map((of): Turn[] => [{ role: 'system', parts: [{ type: 'text', text: of }] }]);

const tool = fc
  .tuple(word, fc.option(saying), fc.option(fc.constant(true)))
  .map(([name, description, strict]): Tool => ({
    name,
    description,
    schema: { type: 'object', properties: { [name]: { type: 'string' } } },
    strict,
  }));
const choice = (tools: readonly Tool[]): fc.Arbitrary<ToolChoice | null> =>
  tools.length === 0
    ? fc.constant(null)
    : fc.constantFrom<ToolChoice | null>(
        null,
        { type: 'none' },
        { type: 'auto' },
        { type: 'required' },
        { type: 'named', name: tools[0]!.name },
      );
const efforts = ['low', 'medium', 'high', 'xhigh', 'max'];

export const calls: fc.Arbitrary<Conversation> = fc
  .uniqueArray(tool, { maxLength: 3, selector: ({ name }) => name })
  .chain((tools) =>
    fc.record({
      dialect: fc.constant('another'),
      opening: fc.option(system),
      turns: fc.array(fc.oneof(user, assistant, loop), { minLength: 1, maxLength: 5 }).map((of) => of.flat()),
      tools: fc.constant(tools),
      toolChoice: choice(tools),
      single: fc.boolean(),
      outputFormat: fc.option(
        fc.constant({
          type: 'json-schema',
          name: 'answer',
          schema: { type: 'object' },
          strict: true,
        } as const),
      ),
      maxOutputTokens: fc.integer({ min: 1, max: 100_000 }),
      stop: fc.uniqueArray(saying, { maxLength: 4 }),
      sampling: fc.constantFrom('temperature', 'topP', 'neither'),
      figure: fc.integer({ min: 0, max: 10 }),
      endUser: fc.option(word),
      effort: fc.option(fc.constantFrom(...efforts)),
      stream: fc.boolean(),
    }),
  )
  .map(({ opening, turns, single, sampling, figure, effort, ...of }): Conversation => {
    const { toolChoice } = of;
    // Together with a forced tool or within a tool loop a wish to reason is another dialect's loss.
    const forced = toolChoice?.type === 'required' || toolChoice?.type === 'named';
    const wishes = effort !== null && !forced && !turns.some((turn) => turn.role === 'tool');
    const reasoning: ReasoningWish | null = wishes ? { effort, budgetTokens: null, enabled: true } : null;
    const restless = reasoning === null && sampling !== 'neither';
    return {
      ...of,
      words,
      turns: [...(opening ?? []), ...turns],
      parallelToolCalls: single && of.tools.length > 0 && toolChoice?.type !== 'none' ? false : null,
      choices: 1,
      temperature: restless && sampling === 'temperature' ? figure / 10 : null,
      topP: restless && sampling === 'topP' ? figure / 10 : null,
      topK: null,
      seed: null,
      frequencyPenalty: null,
      presencePenalty: null,
      logprobs: null,
      reasoning,
      rest: {},
    };
  });

/** Turns of one side in a row are one; a choice that is made by default, or among no tools, is none. */
export function meant(call: Conversation): Conversation {
  const turns: { role: Turn['role']; parts: Part[] }[] = [];
  for (const { role, parts } of call.turns) {
    const last = turns.at(-1);
    if (last?.role === role && role !== 'system') last.parts.push(...parts);
    else turns.push({ role, parts: [...parts] });
  }
  return {
    ...call,
    dialect: '',
    words,
    turns: turns.map(({ role, parts }) => ({ role, parts: joinedTexts(parts) })),
    toolChoice: call.toolChoice?.type === 'auto' ? null : call.toolChoice,
  };
}

function joinedTexts(parts: readonly Part[]): Part[] {
  const joined: Part[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (part.type === 'text' && last?.type === 'text')
      joined.splice(-1, 1, { type: 'text', text: last.text + part.text });
    else joined.push(part);
  }
  return joined;
}
