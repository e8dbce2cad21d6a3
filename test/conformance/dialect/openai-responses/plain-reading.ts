import { count, list, record, word, type PlainDialect } from '../recordings.ts';

const ends = ['response.completed', 'response.incomplete'];

export const responsesRecordings: PlainDialect = {
  speaks: (payload) => payload['type'] === 'response.created' || payload['object'] === 'response',
  read(payloads) {
    const [first] = payloads;
    const isWhole = first?.['object'] === 'response';
    const last = isWhole
      ? first
      : record(payloads.findLast((p) => ends.includes(word(p['type'])))?.['response']);
    const done = payloads
      .filter((p) => p['type'] === 'response.output_item.done')
      .map((p) => record(p['item']));
    const items = isWhole ? list(last['output']) : done;
    const texts = items.flatMap((item) => list(item['type'] === 'message' ? item['content'] : []));
    const names = items.flatMap((item) => (item['type'] === 'function_call' ? [word(item['name'])] : []));
    const whole = texts.map((part) => (part['type'] === 'output_text' ? word(part['text']) : '')).join('');
    // What was streamed counts: some recordings leave pieces out that are in the whole.
    const pieces = payloads.flatMap((p) =>
      p['type'] === 'response.output_text.delta' ? [word(p['delta'])] : [],
    );
    const usage = record(last['usage']);
    const incomplete = word(record(last['incomplete_details'])['reason']);
    return {
      text: pieces.length > 0 ? pieces.join('') : whole,
      toolNames: names,
      finish: incomplete || word(last['status']) || null,
      reason: incomplete
        ? incomplete === 'content_filter'
          ? 'content-filter'
          : 'length'
        : names.length > 0
          ? 'tool-calls'
          : 'stop',
      usage: {
        input: count(usage['input_tokens']),
        output: count(usage['output_tokens']),
        cacheRead: count(record(usage['input_tokens_details'])['cached_tokens']),
      },
    };
  },
};
