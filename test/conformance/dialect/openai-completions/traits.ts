import fc from 'fast-check';
import type { Conversation } from '#core/call.ts';
import { joined, type SaidBlock } from '../answers.ts';
import type { Traits, UsageCase } from '../traits.ts';

const chunk = (choices: object[], more: object = {}) => ({
  id: 'c',
  object: 'text_completion',
  created: 1,
  model: 'm',
  choices,
  ...more,
});

const usage = fc
  .record({
    prompt: fc.nat(9000),
    completion: fc.nat(9000),
    shares: fc.tuple(fc.nat(100), fc.nat(100)),
    place: fc.constantFrom('own chunk', 'finish chunk', 'twice'),
    details: fc.boolean(),
  })
  .map(({ prompt, completion, shares, place, details }): UsageCase => {
    const cached = details ? Math.floor((prompt * shares[0]) / 100) : 0;
    const reasoning = details ? Math.floor((completion * shares[1]) / 100) : 0;
    const raw = {
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
      ...(details
        ? {
            prompt_tokens_details: { cached_tokens: cached },
            completion_tokens_details: { reasoning_tokens: reasoning },
          }
        : {}),
    };
    const said = { text: 'x', index: 0, logprobs: null, finish_reason: null };
    const last = { text: '', index: 0, logprobs: null, finish_reason: 'stop' };
    return {
      payloads: [
        chunk([said]),
        chunk([last], place === 'own chunk' ? {} : { usage: raw }),
        ...(place === 'finish chunk' ? [] : [chunk([], { usage: raw })]),
      ],
      totals: { input: prompt, output: completion, cacheRead: cached, cacheWrite: 0, reasoning },
    };
  });

/** There is text alone, and a refusal is text. */
const heardBlocks = (blocks: readonly SaidBlock[]): SaidBlock[] =>
  joined(
    blocks.flatMap(({ kind, text }): SaidBlock[] =>
      kind === 'text' || kind === 'refusal' ? [{ kind: 'text', text }] : [],
    ),
  );

const heardWhole = (blocks: readonly SaidBlock[]): SaidBlock[] => {
  const of = (wanted: string) => blocks.filter(({ kind }) => kind === wanted);
  return heardBlocks([...of('text'), ...of('refusal')]);
};

/** A prompt is one turn of the user's, of nothing but text. */
const carries = (call: Conversation): Conversation => ({
  ...call,
  turns: [
    {
      role: 'user',
      parts: [
        {
          type: 'text',
          text: call.turns
            .flatMap(({ parts }) => parts)
            .map((part) => (part.type === 'text' ? part.text : ''))
            .join('\n'),
        },
      ],
    },
  ],
  tools: [],
  toolChoice: null,
  parallelToolCalls: null,
  outputFormat: null,
  reasoning: null,
});

export const completionsTraits: Traits = {
  choices: 2,
  callsTools: false,
  finish: {
    stop: 'stop',
    length: 'length',
    'tool-calls': 'stop',
    'content-filter': 'content_filter',
    pause: 'stop',
    error: 'stop',
    other: 'stop',
  },
  streamed: heardBlocks,
  whole: heardWhole,
  usage,
  usagePayload: (figure) =>
    chunk([], { usage: { prompt_tokens: figure, completion_tokens: figure, total_tokens: figure } }),
  carries,
};
