import { count, list, record, word, type PlainDialect } from '../recordings.ts';

export const completionsRecordings: PlainDialect = {
  speaks: (payload) => payload['object'] === 'text_completion',
  read(payloads) {
    const choices = payloads.flatMap((payload) => list(payload['choices']));
    const usage = record(
      payloads.map((payload) => payload['usage']).findLast((of) => of !== undefined && of !== null),
    );
    return {
      text: choices.map((choice) => word(choice['text'])).join(''),
      toolNames: [],
      finish: choices.map((choice) => word(choice['finish_reason'])).find((reason) => reason !== '') ?? null,
      usage: {
        input: count(usage['prompt_tokens']),
        output: count(usage['completion_tokens']),
        cacheRead: count(record(usage['prompt_tokens_details'])['cached_tokens']),
      },
    };
  },
};
