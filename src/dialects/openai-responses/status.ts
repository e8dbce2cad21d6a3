import type { FinishReason } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';

/** https://platform.openai.com/docs/api-reference/responses/object: `incomplete_details.reason` */
const meanings: Readonly<Record<string, FinishReason>> = {
  max_output_tokens: 'length',
  max_messages: 'length',
  content_filter: 'content-filter',
  error: 'error',
};

/** There is no finish reason here: that a tool is to be called follows from a call being there. */
export function parseStatus(response: JsonObject, callsTool: boolean): FinishReason {
  switch (response['status']) {
    case 'completed':
      return callsTool ? 'tool-calls' : 'stop';
    case 'incomplete': {
      const reason = wordOf(response);
      return Object.hasOwn(meanings, reason) ? meanings[reason]! : 'other';
    }
    case 'failed':
      return 'error';
    default:
      return 'other';
  }
}

/** The dialect's own word: why an answer is incomplete, or else its status. */
export function wordOf(response: JsonObject): string {
  const details = response['incomplete_details'];
  if (isObject(details) && typeof details['reason'] === 'string') return details['reason'];
  return typeof response['status'] === 'string' ? response['status'] : '';
}

/** Null: the answer is complete. An error that ended the answer has no word of the vendor's own. */
export function incompleteReason(reason: FinishReason): string | null {
  switch (reason) {
    case 'length':
      return 'max_output_tokens';
    case 'content-filter':
      return 'content_filter';
    case 'error':
      return 'error';
    default:
      return null;
  }
}
