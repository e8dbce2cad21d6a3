import fc from 'fast-check';
import type { Conversation, Part } from '#core/call.ts';
import { joined, type SaidBlock } from '../answers.ts';
import type { Traits, UsageCase } from '../traits.ts';

const lineOf = (fields: object) => ({
  model: 'm',
  created_at: '2026-11-24T00:00:00.123456789Z',
  message: { role: 'assistant', content: '' },
  done: false,
  ...fields,
});

const usage = fc
  .record({ prompt: fc.nat(9000), completion: fc.nat(9000), durations: fc.boolean() })
  .map(({ prompt, completion, durations }): UsageCase => ({
    payloads: [
      lineOf({ message: { role: 'assistant', content: 'x' } }),
      lineOf({
        done: true,
        done_reason: 'stop',
        prompt_eval_count: prompt,
        eval_count: completion,
        ...(durations ? { total_duration: 123, load_duration: 1, eval_duration: 100 } : {}),
      }),
    ],
    totals: { input: prompt, output: completion, cacheRead: 0, cacheWrite: 0, reasoning: 0 },
  }));

/** There are no signatures, no sealed reasoning and no refusals; a call whose arguments are not whole is not given. */
function heardBlocks(blocks: readonly SaidBlock[]): SaidBlock[] {
  return joined(
    blocks.flatMap((block): SaidBlock[] => {
      if (block.sealed !== undefined) return [];
      if (block.kind === 'tool-call') return isJson(block.text) ? [block] : [];
      const { kind, text } = block;
      return [{ kind: kind === 'refusal' ? 'text' : kind, text }];
    }),
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A message has its text, and then its pictures, as data. */
function carriedParts(parts: readonly Part[]): Part[] {
  const text = parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
  const images = parts.flatMap((part): Part[] =>
    part.type === 'image' && part.source.kind === 'base64'
      ? [{ ...part, source: { ...part.source, data: `iVBORw0KGgo${part.source.data}` } }]
      : [],
  );
  const others = parts.filter((part) => part.type !== 'text' && part.type !== 'image');
  return [...(text === '' ? [] : [{ type: 'text', text } as const]), ...images, ...others];
}

const levels = new Set(['low', 'medium', 'high']);

/** Every schema is kept to, whether that was asked for or not. */
const unstrict = (format: Conversation['outputFormat']): Conversation['outputFormat'] =>
  format?.type === 'json-schema' ? { ...format, strict: null } : format;

function carries(call: Conversation): Conversation {
  const { toolChoice } = call;
  const tools = call.tools.map((tool) => ({ ...tool, strict: null }));
  const { reasoning } = call;
  return {
    ...call,
    turns: call.turns
      .map((turn) => ({ ...turn, parts: carriedParts(turn.parts) }))
      .filter(({ parts }) => parts.length > 0),
    tools: toolChoice?.type === 'none' ? [] : tools,
    toolChoice: null,
    parallelToolCalls: null,
    outputFormat: unstrict(call.outputFormat),
    endUser: null,
    reasoning: reasoning && {
      ...reasoning,
      effort: levels.has(reasoning.effort!) ? reasoning.effort : 'high',
    },
  };
}

const only = (blocks: readonly SaidBlock[], kind: SaidBlock['kind']) =>
  blocks.filter((block) => block.kind === kind);

export const ollamaTraits: Traits = {
  choices: 1,
  finish: {
    stop: 'stop',
    length: 'length',
    'tool-calls': 'stop',
    'content-filter': 'stop',
    pause: 'stop',
    error: 'stop',
    other: 'stop',
  },
  streamed: heardBlocks,
  // A message has one place for each kind.
  whole: (blocks) => {
    const heard = heardBlocks(blocks);
    return [...joined(only(heard, 'reasoning')), ...joined(only(heard, 'text')), ...only(heard, 'tool-call')];
  },
  usage,
  usagePayload: (figure) =>
    lineOf({ done: true, done_reason: 'stop', prompt_eval_count: figure, eval_count: figure }),
  carries,
  totals: ({ input, output }) => ({ input, output, cacheRead: 0, cacheWrite: 0, reasoning: 0 }),
  heard: ({ blocks, finish }) => {
    if (finish === 'length') return 'length';
    return heardBlocks(blocks).some(({ kind }) => kind === 'tool-call') ? 'tool-calls' : 'stop';
  },
};
