import type { FinishReason } from '#core/answer.ts';

const read: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool-calls',
  content_filtered: 'content-filter',
  guardrail_intervened: 'content-filter',
  malformed_model_output: 'error',
  malformed_tool_use: 'error',
};

const written: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  'content-filter': 'content_filtered',
  error: 'malformed_model_output',
  pause: 'end_turn',
  other: 'end_turn',
};

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_MessageStopEvent.html */
export const parseStopReason = (word: string): FinishReason => read[word] ?? 'other';

/** That a stop sequence matched is said where it is known. */
export const renderStopReason = (reason: FinishReason, stopSequence: string | null | undefined): string =>
  reason === 'stop' && typeof stopSequence === 'string' ? 'stop_sequence' : written[reason];
