import type { BlockStart, Citation, FinishReason } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import { toBytes } from '#core/opaque-state.ts';
import { isObject } from '#core/read-json.ts';
import { renderCitations } from './citations.ts';
import { renderFinish } from './finish-reason.ts';

/** Is a part that has no neutral word one of this dialect's? */
export const isOwn = (raw: JsonObject): boolean =>
  ['inlineData', 'executableCode', 'codeExecutionResult', 'fileData', 'toolCall', 'toolResponse'].some(
    (name) => name in raw,
  );

export const callOf = (
  { id, name }: Pick<BlockStart, 'id' | 'name'>,
  args: JsonObject,
  signature: string | null,
): JsonObject => ({
  functionCall: { ...(id === undefined ? {} : { id }), name: name ?? '', args },
  ...(signature === null ? {} : { thoughtSignature: toBytes(signature) }),
});

/** How a candidate ends. */
export function endOf(reason: FinishReason, citations: readonly Citation[] = []): JsonObject {
  const groundingMetadata = renderCitations(citations);
  return { finishReason: renderFinish(reason), ...(groundingMetadata ? { groundingMetadata } : {}) };
}

/** Models do write broken JSON now and then: the client gets what there is. */
export const inputOf = (text: string): JsonObject => (text.trim() === '' ? {} : (objectOf(text) ?? { text }));

export function objectOf(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
