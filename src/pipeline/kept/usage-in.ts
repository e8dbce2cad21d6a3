import type { JsonObject } from '#core/call.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import type { Target } from '#core/target.ts';
import type { Usage } from '#core/usage.ts';

/** Of what a whole answer used the last word counts. What failed may have used something, too. */
export function usageIn(dialect: Dialect, answer: JsonObject, target: Target): Usage | null {
  let usage: Usage | null = null;
  for (const event of dialect.provider.parseAnswer(answer, target))
    if (event.type === 'usage') usage = event.usage;
  return usage;
}
