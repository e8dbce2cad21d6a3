import fc from 'fast-check';
import type { Conversation, Tool } from '#core/call.ts';
import { refusalsAsText, type SaidBlock } from '../answers.ts';
import type { Traits, UsageCase } from '../traits.ts';

const usage = fc
  .record({
    input: fc.nat(9000),
    output: fc.nat(9000),
    read: fc.nat(9000),
    written: fc.nat(9000),
    hour: fc.nat(100),
    form: fc.constantFrom('all', 'absent'),
  })
  .map(({ input, output, read, written, hour, form }): UsageCase => {
    const caches = form === 'all';
    const [cacheRead, cacheWrite] = caches ? [read, written] : [0, 0];
    const kept = Math.floor((cacheWrite * hour) / 100);
    return {
      payloads: [
        { messageStart: { role: 'assistant' } },
        { contentBlockDelta: { contentBlockIndex: 0, delta: { text: 'x' } } },
        { contentBlockStop: { contentBlockIndex: 0 } },
        { messageStop: { stopReason: 'end_turn' } },
        {
          metadata: {
            usage: {
              inputTokens: input,
              outputTokens: output,
              totalTokens: input + output + cacheRead + cacheWrite,
              ...(caches
                ? {
                    cacheReadInputTokens: read,
                    cacheWriteInputTokens: written,
                    cacheDetails: [
                      { ttl: '5m', inputTokens: cacheWrite - kept },
                      { ttl: '1h', inputTokens: kept },
                    ],
                  }
                : {}),
            },
            metrics: { latencyMs: 1 },
          },
        },
      ],
      totals: { input: input + cacheRead + cacheWrite, output, cacheRead, cacheWrite, reasoning: 0 },
    };
  });

/** A tool called without arguments streams none, and means an empty object. */
const streamed = (blocks: readonly SaidBlock[]): SaidBlock[] =>
  refusalsAsText(blocks).map((block) =>
    block.kind === 'tool-call' && block.text === '' ? { ...block, text: '{}' } : block,
  );

const inlined = { kind: 'base64', mediaType: 'image/png', data: 'AAAA' } as const;

function carries(call: Conversation): Conversation {
  const { outputFormat, toolChoice } = call;
  // Calls of before want their tools, and then nothing keeps the model from calling them.
  const called = call.turns.flatMap(({ parts }) =>
    parts.flatMap((part) => (part.type === 'tool-call' ? [part.name] : [])),
  );
  const isForbidden = toolChoice?.type === 'none';
  const given = isForbidden && called.length === 0 ? [] : call.tools;
  const old = given.length > 0 ? [] : [...new Set(called)];
  const tools = [
    ...given,
    ...old.map((name): Tool => ({ name, description: null, schema: { type: 'object' }, strict: null })),
  ];
  return {
    ...call,
    stream: true,
    tools,
    toolChoice: isForbidden || call.tools.length === 0 ? null : toolChoice,
    parallelToolCalls: null,
    outputFormat: outputFormat?.type === 'json-schema' ? { ...outputFormat, strict: null } : null,
    endUser: null,
    // It fetches nothing.
    turns: call.turns.map((turn) => ({
      ...turn,
      parts: turn.parts.map((part) => (part.type === 'image' ? { ...part, source: inlined } : part)),
    })),
  };
}

export const bedrockTraits: Traits = {
  choices: 1,
  modelIn: 'path',
  stopSequence: 'stop_sequence',
  finish: {
    stop: 'end_turn',
    length: 'max_tokens',
    'tool-calls': 'tool_use',
    'content-filter': 'content_filtered',
    error: 'malformed_model_output',
    pause: 'end_turn',
    other: 'end_turn',
  },
  streamed,
  whole: refusalsAsText,
  usage,
  usagePayload: (figure) => ({
    metadata: {
      usage: {
        inputTokens: figure,
        outputTokens: figure,
        totalTokens: figure,
        cacheReadInputTokens: figure,
        cacheWriteInputTokens: figure,
        cacheDetails: [{ ttl: '1h', inputTokens: figure }],
      },
    },
  }),
  carries,
  totals: (totals) => ({ ...totals, reasoning: 0 }),
};
