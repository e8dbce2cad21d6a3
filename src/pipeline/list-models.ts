import type { Dialect, ModelListing } from '#core/contracts/dialect.ts';
import { Fault } from '#core/fault.ts';
import type { ResolvedModel } from '#core/snapshot.ts';
import { matchesAny } from '#core/name-pattern.ts';
import { wholeAnswer, type Answer } from './answer.ts';
import { routeForModel } from './choose-route.ts';
import type { Passage } from './passage.ts';

const json = ['content-type', 'application/json'];

/** The models of this route that every policy lets this consumer use. */
export function listModels(passage: Passage, dialect: Dialect): Answer {
  const { snapshot } = passage.gateway;
  const listings = Object.values(snapshot.models)
    .filter((model) => model.listed && isOffered(passage, model.name))
    .map((model) => listingOf(model));
  return wholeAnswer(passage, { status: 200, headers: json, body: dialect.client.renderModels(listings) });
}

/** @throws Fault `model/not-found`, also for a model that the consumer may not use: it need not know. */
export function showModel(passage: Passage, dialect: Dialect, name: string): Answer {
  const model = isOffered(passage, name) ? passage.gateway.models.find(name) : null;
  if (!model)
    throw new Fault(
      'model/not-found',
      `There is no model "${name}". GET the list of models for their names.`,
    );
  return wholeAnswer(passage, {
    status: 200,
    headers: json,
    body: dialect.client.renderModel(listingOf(model)),
  });
}

export function isOffered(passage: Passage, model: string): boolean {
  const { allowsModel } = passage.route;
  const known = passage.route.siblings ? passage.gateway.models.find(model) : null;
  const route = routeForModel(passage.route, known ? [model, ...known.knownAs] : [model])?.route;
  if (!route) return false;
  if (route.kind === 'llm' && route.models !== null && !matchesAny(route.models, model)) return false;
  return allowsModel.every((policy) => policy.allowsModel!(passage.exchange, model));
}

function listingOf(model: ResolvedModel): ModelListing {
  return { id: model.name, provider: model.targets[0]?.provider.name ?? '', createdAtS: 0 };
}
