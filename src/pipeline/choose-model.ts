import type { ResolvedModel } from '#core/snapshot.ts';
import { callFacts } from './call-facts.ts';
import type { ModelCall } from './model-call.ts';
import type { Passage } from './passage.ts';

/**
 * Whose targets answer a call: those of the model that the first of its rules to hold leads to, else the model's own. What
 * the caller asked for stays what is permitted, limited and reported.
 */
export function chooseModel({ exchange, gateway }: Passage, call: ModelCall): ResolvedModel {
  const { model } = call;
  if (!model.rules) return model;
  const rules = gateway.rulesOf(model);
  const facts = callFacts(exchange, call, gateway.clock.nowMs());
  const chosen = rules.choose(facts, () => gateway.observer.ruleFailed(model.name));
  return model.rules[chosen]?.use ?? model;
}
