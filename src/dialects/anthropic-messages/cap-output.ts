import type { JsonObject, Loss } from '#core/call.ts';
import type { OutputCap } from '#core/contracts/dialect.ts';
import { isObject } from '#core/read-json.ts';
import { leastBudget } from './render-call.ts';

/** Thinking is a part of what is bounded: a budget for it that leaves no room is refused by the vendor. */
export function capOutput(body: JsonObject, maxTokens: number): OutputCap {
  const edits = new Map([['max_tokens', JSON.stringify(maxTokens)]]);
  const losses: Loss[] = [];
  const { thinking } = body;
  if (isObject(thinking) && Number(thinking['budget_tokens']) >= maxTokens) {
    const fits = maxTokens > leastBudget;
    const settings = fits ? { ...thinking, budget_tokens: maxTokens - 1 } : { type: 'disabled' };
    edits.set('thinking', JSON.stringify(settings));
    if (!fits)
      losses.push({
        field: 'thinking',
        reason: `it takes at least ${leastBudget} tokens, and the answer may have ${maxTokens}`,
      });
  }
  return { edits, losses };
}
