import type { JsonObject, Loss } from '#core/call.ts';
import type { OutputCap } from '#core/contracts/dialect.ts';
import { isObject } from '#core/read-json.ts';
import { leastBudget } from './render-call.ts';

/** Claude's thinking is a part of what is bounded: a budget for it that leaves no room is refused. */
export function capOutput(body: JsonObject, maxTokens: number): OutputCap {
  const config = isObject(body['inferenceConfig']) ? body['inferenceConfig'] : {};
  const edits = new Map([['inferenceConfig', JSON.stringify({ ...config, maxTokens })]]);
  const losses: Loss[] = [];
  const name = 'additionalModelRequestFields';
  const fields = body[name];
  const thinking = isObject(fields) ? fields['thinking'] : null;
  if (isObject(fields) && isObject(thinking) && Number(thinking['budget_tokens']) >= maxTokens) {
    const fits = maxTokens > leastBudget;
    const settings = fits ? { ...thinking, budget_tokens: maxTokens - 1 } : { type: 'disabled' };
    edits.set(name, JSON.stringify({ ...fields, thinking: settings }));
    if (!fits)
      losses.push({
        field: `${name}.thinking`,
        reason: `it takes at least ${leastBudget} tokens, and the answer may have ${maxTokens}`,
      });
  }
  return { edits, losses };
}
