import { count, list, record, word, type PlainDialect } from '../recordings.ts';
import type { FinishReason } from '#core/answer.ts';

const reasons: Readonly<Record<string, FinishReason>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  SAFETY: 'content-filter',
};

export const geminiRecordings: PlainDialect = {
  speaks: (payload) => Array.isArray(payload['candidates']) || payload['promptFeedback'] !== undefined,
  read(payloads) {
    const candidates = payloads.flatMap((payload) => list(payload['candidates']));
    const parts = candidates.flatMap((candidate) => list(record(candidate['content'])['parts']));
    const toolNames = parts
      .map((part) => word(record(part['functionCall'])['name']))
      .filter((name) => name !== '');
    const blocked = payloads
      .map((payload) => word(record(payload['promptFeedback'])['blockReason']))
      .find(Boolean);
    const finish =
      candidates.map((candidate) => word(candidate['finishReason'])).find(Boolean) ?? blocked ?? null;
    const used = payloads
      .map((payload) => record(payload['usageMetadata']))
      .filter((usage) => usage['promptTokenCount'] !== undefined)
      .at(-1);
    const reason = blocked === undefined ? reasons[finish ?? ''] : 'content-filter';
    return {
      text: parts.map((part) => (part['thought'] === true ? '' : word(part['text']))).join(''),
      toolNames,
      finish,
      ...(reason === undefined
        ? {}
        : { reason: reason === 'stop' && toolNames.length > 0 ? 'tool-calls' : reason }),
      usage: used
        ? {
            input: count(used['promptTokenCount']) + count(used['toolUsePromptTokenCount']),
            output: count(used['candidatesTokenCount']) + count(used['thoughtsTokenCount']),
            cacheRead: count(used['cachedContentTokenCount']),
          }
        : null,
    };
  },
};
