import type { ModelIndex } from '#core/resolve-model.ts';
import type { ModelRule, ResolvedModel } from '#core/snapshot.ts';
import { checkCallExpression, tellProblem } from '#expressions/index.ts';
import { didYouMean, type Problems } from './problem.ts';
import type { ConfigDocument } from './schema.ts';

/** Gives models their rules, once all models are known that these may lead to. */
export function resolveRules(
  document: ConfigDocument,
  models: Record<string, ResolvedModel>,
  { index, problems }: { readonly index: ModelIndex; readonly problems: Problems },
): void {
  const ruled = new Map<string, readonly ModelRule[]>();
  for (const [name, { rules }] of Object.entries(document.models ?? {})) {
    if (!rules) continue;
    const resolved = rules.flatMap(({ when, use }, i): ModelRule[] => {
      const at = ['models', name, 'rules', i];
      const problem = checkCallExpression(when);
      if (problem) problems.add([...at, 'when'], tellProblem(problem));
      const found = index.find(use);
      if (!found)
        problems.add([...at, 'use'], `unknown model "${use}"${didYouMean(use, Object.keys(models))}`);
      return found ? [{ when, use: found }] : [];
    });
    ruled.set(name, resolved);
  }
  for (const [name, rules] of ruled) models[name] = { ...models[name]!, rules };
}
