import fc from 'fast-check';
import type { Conversation } from '#core/call.ts';
import { joined, type SaidBlock } from '../answers.ts';
import type { Traits, UsageCase } from '../traits.ts';

const saying = { content: { parts: [{ text: 'x' }], role: 'model' }, index: 0 };

/** Cumulative in every event, or in the last one alone. */
const usage = fc
  .record({
    prompt: fc.nat(9000),
    candidates: fc.nat(9000),
    thoughts: fc.nat(9000),
    toolUse: fc.nat(900),
    cached: fc.nat(100),
    audio: fc.nat(100),
    isOften: fc.boolean(),
    tellsTraffic: fc.boolean(),
  })
  .map(({ prompt, candidates, thoughts, toolUse, cached, audio, isOften, tellsTraffic }): UsageCase => {
    const read = Math.floor((prompt * cached) / 100);
    const heard = Math.floor((prompt * audio) / 100);
    const figures = {
      promptTokenCount: prompt,
      candidatesTokenCount: candidates,
      totalTokenCount: prompt + candidates + thoughts + toolUse,
      ...(read > 0 ? { cachedContentTokenCount: read } : {}),
      ...(thoughts > 0 ? { thoughtsTokenCount: thoughts } : {}),
      ...(toolUse > 0 ? { toolUsePromptTokenCount: toolUse } : {}),
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: prompt - heard },
        { modality: 'AUDIO', tokenCount: heard },
      ],
    };
    const first = isOften
      ? { promptTokenCount: prompt, totalTokenCount: prompt }
      : tellsTraffic
        ? { trafficType: 'ON_DEMAND' }
        : null;
    return {
      payloads: [
        { candidates: [saying], ...(first ? { usageMetadata: first } : {}), responseId: 'i' },
        { candidates: [{ ...saying, finishReason: 'STOP' }], usageMetadata: figures, responseId: 'i' },
      ],
      totals: {
        input: prompt + toolUse,
        output: candidates + thoughts,
        cacheRead: read,
        cacheWrite: 0,
        reasoning: thoughts,
      },
    };
  });

/** There is no sealed reasoning and there are no refusals; a call whose arguments are not whole is not given. */
function heardBlocks(blocks: readonly SaidBlock[]): SaidBlock[] {
  return joined(
    blocks.flatMap((block): SaidBlock[] => {
      if (block.sealed !== undefined) return [];
      if (block.kind === 'tool-call') return isJson(block.text) ? [block] : [];
      return [block.kind === 'refusal' ? { ...block, kind: 'text' } : block];
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

const levels = new Set(['low', 'medium', 'high']);

function carries(call: Conversation): Conversation {
  const { toolChoice, reasoning, outputFormat } = call;
  const isFree = toolChoice === null || toolChoice.type === 'auto';
  const isStrict = isFree && call.tools.some(({ strict }) => strict === true);
  return {
    ...call,
    stream: true,
    tools: call.tools.map((tool) => ({ ...tool, strict: isStrict ? true : null })),
    parallelToolCalls: null,
    outputFormat: outputFormat?.type === 'json-schema' ? { ...outputFormat, strict: null } : outputFormat,
    endUser: null,
    reasoning: reasoning && {
      ...reasoning,
      effort: levels.has(reasoning.effort!) ? reasoning.effort : 'high',
    },
  };
}

export const geminiTraits: Traits = {
  choices: 2,
  modelIn: 'path',
  finish: {
    stop: 'STOP',
    length: 'MAX_TOKENS',
    'tool-calls': 'STOP',
    'content-filter': 'SAFETY',
    pause: 'OTHER',
    error: 'OTHER',
    other: 'OTHER',
  },
  streamed: heardBlocks,
  whole: heardBlocks,
  usage,
  usagePayload: (figure) => ({
    candidates: [saying],
    usageMetadata: {
      promptTokenCount: figure,
      cachedContentTokenCount: figure,
      candidatesTokenCount: figure,
      thoughtsTokenCount: figure,
      toolUsePromptTokenCount: figure,
      totalTokenCount: figure,
      promptTokensDetails: [{ modality: 'AUDIO', tokenCount: figure }],
    },
  }),
  carries,
  totals: (totals) => ({ ...totals, cacheWrite: 0 }),
  heard: ({ blocks, finish }) => {
    if (finish === 'length' || finish === 'content-filter') return finish;
    if (finish !== 'stop' && finish !== 'tool-calls') return 'other';
    return heardBlocks(blocks).some(({ kind }) => kind === 'tool-call') ? 'tool-calls' : 'stop';
  },
};
