import { Fault } from '#core/fault.ts';
import { matchesAny } from '#core/name-pattern.ts';
import { tokensBeyond, type RevisedCall } from '#core/revised-call.ts';
import type { ResolvedModel } from '#core/snapshot.ts';
import type { Passage } from './passage.ts';

/**
 * Puts what a policy made of a call in its place: whoever comes after, limits and estimates among them, sees that. Called before
 * limits are reserved.
 * @throws Fault `access/model` or `model/not-found` where it names a model that this caller, or this route, may not use.
 */
export function reviseCall(passage: Passage, { conversation, model, body }: RevisedCall): void {
  const { exchange } = passage;
  const call = passage.call!;
  const before = call.conversation;
  const json = body ?? call.json;
  const { dialect, line } = call;
  // What a body says that its dialect could not read before it was revised is all new.
  const came = body === undefined ? (call.came ?? before()) : dialect.client.parseCall(body, line);
  const { maxOutputTokens, choices } = conversation;
  const brief = { ...call.brief, maxOutputTokens, choices };
  exchange.estimatedInput = Math.max(
    1,
    exchange.estimatedInput + tokensBeyond(conversation, body ? came : before()),
  );
  exchange.brief = brief;
  exchange.json = json;
  const revised = () => conversation;
  exchange.conversation = revised;
  const use = model === undefined ? call.model : useModel(passage, model);
  passage.call = { ...call, brief, json, came, model: use, conversation: revised };
}

/** What a caller asked for stays what is shown to it; who answers is limited and counted under its own name. */
function useModel({ exchange, gateway, route }: Passage, name: string): ResolvedModel {
  const found = gateway.models.find(name);
  const { route: settings } = route;
  const isRouted = settings.kind === 'llm' && (settings.models === null || matchesAny(settings.models, name));
  if (!found || !isRouted)
    throw new Fault(
      'model/not-found',
      `The prompt that is asked for wants a model "${name}", which is not here.`,
    );
  if (!route.allowsModel.every((policy) => policy.allowsModel!(exchange, name)))
    throw new Fault(
      'access/model',
      `The prompt that is asked for wants the model "${name}", which this caller may not use.`,
    );
  exchange.countedModel = found.countedAs;
  exchange.modelNames = found.knownAs;
  return found;
}
