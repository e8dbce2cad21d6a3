import type { Passage } from '../passage.ts';

/**
 * Lets another model answer, before anything is dispatched. False where that cannot be: there is none of that name, whoever asks
 * may not use it, or the call names what another provider keeps.
 */
export function downgrade(passage: Passage, name: string): boolean {
  const { exchange, gateway, route, call } = passage;
  const model = gateway.models.find(name);
  if (!model || !call || call.holder !== null || exchange.brief?.model === name) return false;
  if (!route.allowsModel.every((policy) => policy.allowsModel!(exchange, name))) return false;
  passage.model = model;
  // Limits by model are from here on those of the one that answers.
  exchange.countedModel = model.countedAs;
  exchange.modelNames = model.knownAs;
  if (exchange.downgradedTo === null) exchange.answerHeaders.push('x-sluice-downgraded', headerValue(name));
  exchange.downgradedTo = name;
  return true;
}

const headerValue = (name: string): string => name.replace(/[^\x20-\x7e]/g, '?');
