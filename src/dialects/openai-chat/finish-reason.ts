import type { FinishReason } from '#core/answer.ts';

/** https://platform.openai.com/docs/api-reference/chat/object */
const meanings: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  model_length: 'length',
  tool_calls: 'tool-calls',
  function_call: 'tool-calls',
  content_filter: 'content-filter',
  error: 'error',
  insufficient_system_resource: 'error',
};

export const parseFinish = (word: string): FinishReason => meanings[word] ?? 'other';

export function renderFinish(reason: FinishReason): string {
  switch (reason) {
    case 'length':
      return 'length';
    case 'tool-calls':
      return 'tool_calls';
    case 'content-filter':
      return 'content_filter';
    default:
      return 'stop';
  }
}
