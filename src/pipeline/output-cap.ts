import type { ModelCall } from './model-call.ts';
import type { Passage } from './passage.ts';

/** Many models refuse a larger bound than they know, so a stream that named none is given none above. */
const largestUnasked = 16_384;

/**
 * The bound that is put on each answer's output where a budget pays for less than the call may use; null: the call's own stands.
 */
export function outputCap({ exchange, spentTokens = 0 }: Passage, call: ModelCall): number | null {
  const clampTokens = exchange.allowance?.clampTokens ?? null;
  if (clampTokens === null || call.dialect.surface !== undefined) return null;
  const { choices, maxOutputTokens, stream } = call.brief;
  const most = Math.max(1, clampTokens - Math.ceil(spentTokens / Math.max(1, choices)));
  if (maxOutputTokens === null) return stream && most > largestUnasked ? null : most;
  return maxOutputTokens <= most ? null : most;
}
