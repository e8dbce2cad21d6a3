import type { FinishReason } from '#core/answer.ts';

/** https://docs.cohere.com/reference/chat#response.body.finish_reason */
const meanings: Readonly<Record<string, FinishReason>> = {
  COMPLETE: 'stop',
  STOP_SEQUENCE: 'stop',
  MAX_TOKENS: 'length',
  TOOL_CALL: 'tool-calls',
  ERROR_TOXIC: 'content-filter',
  ERROR_LIMIT: 'length',
  ERROR: 'error',
  TIMEOUT: 'error',
};

export const parseFinish = (word: string): FinishReason => meanings[word] ?? 'other';

/** That an answer was kept back has no word of its own: it is an error, and never complete. */
export function renderFinish(reason: FinishReason, stopSequence: string | null): string {
  switch (reason) {
    case 'length':
      return 'MAX_TOKENS';
    case 'tool-calls':
      return 'TOOL_CALL';
    case 'content-filter':
    case 'error':
      return 'ERROR';
    default:
      return stopSequence === null ? 'COMPLETE' : 'STOP_SEQUENCE';
  }
}
