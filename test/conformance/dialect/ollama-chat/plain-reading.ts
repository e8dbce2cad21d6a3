import { count, list, record, word, type PlainDialect } from '../recordings.ts';

export const ollamaRecordings: PlainDialect = {
  speaks: (payload) => typeof payload['done'] === 'boolean' && payload['model'] !== undefined,
  read(payloads) {
    const messages = payloads.map((payload) => record(payload['message']));
    const calls = messages.flatMap((message) => list(message['tool_calls']));
    const last = payloads.at(-1) ?? {};
    const finish = word(last['done_reason']);
    return {
      text: messages.map((message) => word(message['content'])).join(''),
      toolNames: calls.map((call) => word(record(call['function'])['name'])),
      finish: finish === '' ? null : finish,
      ...(finish === 'stop' && calls.length > 0 ? { reason: 'tool-calls' } : {}),
      usage: { input: count(last['prompt_eval_count']), output: count(last['eval_count']), cacheRead: 0 },
    };
  },
};
