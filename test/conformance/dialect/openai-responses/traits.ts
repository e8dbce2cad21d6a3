import fc from 'fast-check';
import type { Conversation } from '#core/call.ts';
import { joined, type SaidBlock } from '../answers.ts';
import type { Traits, UsageCase } from '../traits.ts';

const ended = (usage: object) => ({
  type: 'response.completed',
  sequence_number: 9,
  response: { id: 'r', object: 'response', model: 'm', status: 'completed', output: [], usage },
});

const usage = fc
  .record({
    input: fc.nat(9000),
    output: fc.nat(9000),
    shares: fc.tuple(fc.nat(100), fc.nat(100), fc.nat(100), fc.nat(100)),
    details: fc.constantFrom('all', 'lifetimes', 'null', 'absent'),
    end: fc.constantFrom('completed', 'incomplete'),
  })
  .map(({ input, output, shares, details, end }): UsageCase => {
    const isTold = details === 'all' || details === 'lifetimes';
    const cached = isTold ? Math.floor((input * shares[0]) / 100) : 0;
    const written = isTold ? Math.floor(((input - cached) * shares[1]) / 100) : 0;
    const reasoning = isTold ? Math.floor((output * shares[2]) / 100) : 0;
    const long = Math.floor((written * shares[3]) / 100);
    const lifetimes = { ttl_30m_tokens: written - long, ttl_12h_tokens: long };
    const shown = {
      input_tokens_details: {
        cached_tokens: cached,
        cache_write_tokens: written,
        ...(details === 'lifetimes' ? { cache_write_tokens_details: lifetimes } : {}),
      },
      output_tokens_details: { reasoning_tokens: reasoning },
    };
    const last = ended({
      input_tokens: input,
      output_tokens: output,
      total_tokens: input + output,
      ...(isTold ? shown : {}),
      ...(details === 'null' ? { input_tokens_details: null, output_tokens_details: null } : {}),
    });
    return {
      totals: { input, output, cacheRead: cached, cacheWrite: written, reasoning },
      payloads: [
        {
          type: 'response.created',
          sequence_number: 0,
          response: { id: 'r', model: 'm', status: 'in_progress', output: [], usage: null },
        },
        { ...last, type: `response.${end}`, response: { ...last.response, status: end } },
      ],
    };
  });

/** There are no stop sequences. */
const carries = (call: Conversation): Conversation => ({ ...call, stop: [] });

const callsTool = (blocks: readonly SaidBlock[]) => blocks.some(({ kind }) => kind === 'tool-call');

export const responsesTraits: Traits = {
  choices: 1,
  finish: {
    stop: 'completed',
    length: 'max_output_tokens',
    'tool-calls': 'completed',
    'content-filter': 'content_filter',
    pause: 'completed',
    error: 'error',
    other: 'completed',
  },
  streamed: joined,
  whole: joined,
  usage,
  usagePayload: (figure) =>
    ended({
      input_tokens: figure,
      output_tokens: figure,
      total_tokens: figure,
      input_tokens_details: { cached_tokens: figure, cache_write_tokens: figure },
      output_tokens_details: { reasoning_tokens: figure },
    }),
  carries,
  // That a tool is to be called follows from the call.
  heard: ({ blocks, finish }) => {
    if (finish === 'length' || finish === 'content-filter' || finish === 'error') return finish;
    return callsTool(blocks) ? 'tool-calls' : 'stop';
  },
};
