import type { FinishReason } from '#core/answer.ts';

/** https://docs.anthropic.com/en/api/handling-stop-reasons */
const meanings: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool-calls',
  refusal: 'content-filter',
  pause_turn: 'pause',
};

export const parseStopReason = (word: string): FinishReason => meanings[word] ?? 'other';

export function renderStopReason(reason: FinishReason, stopSequence: string | null | undefined): string {
  switch (reason) {
    case 'length':
      return 'max_tokens';
    case 'tool-calls':
      return 'tool_use';
    case 'content-filter':
      return 'refusal';
    case 'pause':
      return 'pause_turn';
    default:
      return stopSequence ? 'stop_sequence' : 'end_turn';
  }
}
