import { count, list, record, word, type Json, type PlainDialect } from '../recordings.ts';

const words = ['COMPLETE', 'STOP_SEQUENCE', 'MAX_TOKENS', 'TOOL_CALL', 'ERROR', 'TIMEOUT'];

export const cohereRecordings: PlainDialect = {
  speaks: (payload) =>
    payload['type'] === 'message-start' ||
    (words.includes(word(payload['finish_reason'])) && payload['message'] !== undefined),
  read(payloads) {
    const [first] = payloads;
    const isWhole = first?.['finish_reason'] !== undefined;
    const messages = payloads.map((payload) =>
      record(record(isWhole ? payload : payload['delta'])['message']),
    );
    // Of a stream one at a time, of a whole answer all in a list.
    const several = (value: unknown): Json[] => (Array.isArray(value) ? list(value) : [record(value)]);
    const contents = messages.flatMap((message) => several(message['content']));
    const last = isWhole ? first : record(payloads.at(-1)?.['delta']);
    const calls = messages.flatMap((message) => several(message['tool_calls']));
    const usage = record(last['usage']);
    const billed = record(usage['billed_units']);
    return {
      text: [
        ...contents.map((content) => word(content['text'])),
        ...messages.map((message) => word(message['tool_plan'])),
      ].join(''),
      toolNames: calls.map((call) => word(record(call['function'])['name'])).filter((name) => name !== ''),
      finish: word(last['finish_reason']) || null,
      usage: { input: count(billed['input_tokens']), output: count(billed['output_tokens']), cacheRead: 0 },
    };
  },
};
