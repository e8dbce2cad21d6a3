import fc from 'fast-check';
import type { Conversation, Tool } from '#core/call.ts';
import { joined, type SaidBlock } from '../answers.ts';
import type { Traits, UsageCase } from '../traits.ts';

const messageEnd = (usage: object) => ({ type: 'message-end', delta: { finish_reason: 'COMPLETE', usage } });

const usage = fc
  .record({
    billed: fc.tuple(fc.nat(9000), fc.nat(9000)),
    seen: fc.tuple(fc.nat(9000), fc.nat(9000)),
    share: fc.nat(100),
    form: fc.constantFrom('both', 'billed', 'tokens'),
  })
  .map(({ billed, seen, share, form }): UsageCase => {
    const cached = Math.floor((seen[0] * share) / 100);
    const [input, output] = form === 'tokens' ? seen : billed;
    return {
      payloads: [
        { type: 'message-start', id: 'i', delta: { message: { role: 'assistant' } } },
        { type: 'content-delta', index: 0, delta: { message: { content: { text: 'x' } } } },
        messageEnd({
          ...(form === 'tokens'
            ? {}
            : { billed_units: { input_tokens: billed[0], output_tokens: billed[1] } }),
          ...(form === 'billed' ? {} : { tokens: { input_tokens: seen[0], output_tokens: seen[1] } }),
          cached_tokens: cached,
        }),
      ],
      // What was cached is among the tokens, and never among what is billed.
      totals: { input, output, cacheRead: form === 'tokens' ? cached : 0, cacheWrite: 0, reasoning: 0 },
    };
  });

/** There are no signatures, no sealed reasoning and no refusals. */
function heardBlocks(blocks: readonly SaidBlock[]): SaidBlock[] {
  return joined(
    blocks.flatMap((block): SaidBlock[] => {
      if (block.sealed !== undefined) return [];
      // A call without arguments means an empty object.
      if (block.kind === 'tool-call') return [{ ...block, text: block.text || '{}' }];
      return [{ kind: block.kind === 'refusal' ? 'text' : block.kind, text: block.text }];
    }),
  );
}

const isCall = (block: SaidBlock) => block.kind === 'tool-call';

/** Tools that may not be called are not given; formats and tools exclude each other. */
/** Every schema is kept to, whether that was asked for or not. */
const unstrict = (format: Conversation['outputFormat']): Conversation['outputFormat'] =>
  format?.type === 'json-schema' ? { ...format, strict: null } : format;

function carries(call: Conversation): Conversation {
  const { toolChoice, reasoning } = call;
  const given =
    toolChoice?.type === 'named' ? call.tools.filter(({ name }) => name === toolChoice.name) : call.tools;
  const isStrict = given.every(({ strict }) => strict === true);
  return {
    ...call,
    tools: given.map((tool): Tool => ({ ...tool, strict: isStrict ? true : null })),
    toolChoice: toolChoice?.type === 'named' ? { type: 'required' } : toolChoice,
    parallelToolCalls: null,
    outputFormat: given.length > 0 ? null : unstrict(call.outputFormat),
    topP: call.topP === null ? null : Math.min(0.99, Math.max(0.01, call.topP)),
    endUser: null,
    reasoning: reasoning && { ...reasoning, effort: null },
  };
}

export const cohereTraits: Traits = {
  choices: 1,
  stopSequence: 'STOP_SEQUENCE',
  finish: {
    stop: 'COMPLETE',
    length: 'MAX_TOKENS',
    'tool-calls': 'TOOL_CALL',
    error: 'ERROR',
    'content-filter': 'ERROR',
    pause: 'COMPLETE',
    other: 'COMPLETE',
  },
  streamed: heardBlocks,
  // Contents stand in order, and calls apart from them.
  whole: (blocks) => {
    const heard = heardBlocks(blocks);
    return [...joined(heard.filter((block) => !isCall(block))), ...heard.filter(isCall)];
  },
  usage,
  usagePayload: (figure) =>
    messageEnd({
      billed_units: { input_tokens: figure, output_tokens: figure, search_units: figure },
      tokens: { input_tokens: figure, output_tokens: figure },
      cached_tokens: figure,
    }),
  carries,
  totals: ({ input, output }) => ({ input, output, cacheRead: 0, cacheWrite: 0, reasoning: 0 }),
};
