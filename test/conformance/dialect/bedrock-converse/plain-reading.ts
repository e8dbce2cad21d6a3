import { count, list, record, word, type PlainDialect } from '../recordings.ts';

const events = ['messageStart', 'contentBlockStart', 'contentBlockDelta', 'messageStop'];

export const bedrockRecordings: PlainDialect = {
  speaks: (payload) =>
    events.some((name) => payload[name] !== undefined) || record(payload['output'])['message'] !== undefined,
  read(payloads) {
    const [first] = payloads;
    const message = record(record(first?.['output'])['message']);
    const isWhole = message['content'] !== undefined;
    const deltas = isWhole
      ? list(message['content'])
      : payloads.map((payload) => record(record(payload['contentBlockDelta'])['delta']));
    const tools = isWhole
      ? deltas.map((block) => record(block['toolUse']))
      : payloads.map((payload) => record(record(record(payload['contentBlockStart'])['start'])['toolUse']));
    const stop = isWhole
      ? word(first?.['stopReason'])
      : payloads.map((payload) => word(record(payload['messageStop'])['stopReason'])).find(Boolean);
    const usage = isWhole
      ? record(first?.['usage'])
      : record(payloads.map((payload) => record(payload['metadata'])['usage']).find(Boolean));
    const [read, written] = [count(usage['cacheReadInputTokens']), count(usage['cacheWriteInputTokens'])];
    return {
      text: deltas.map((delta) => word(delta['text'])).join(''),
      toolNames: tools.map((tool) => word(tool['name'])).filter((name) => name !== ''),
      finish: stop || null,
      usage:
        usage['inputTokens'] === undefined
          ? null
          : {
              input: count(usage['inputTokens']) + read + written,
              output: count(usage['outputTokens']),
              cacheRead: read,
            },
    };
  },
};
