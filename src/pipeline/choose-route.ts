import { queryValues } from '#core/query.ts';
import { isUtf8 } from 'node:buffer';
import type { JsonObject } from '#core/call.ts';
import { Fault } from '#core/fault.ts';
import type { RequestHead } from '#core/head.ts';
import { refuseHiddenKeys } from '#core/hidden-keys.ts';
import { matchesAny } from '#core/name-pattern.ts';
import { parseJson } from '#core/parse-json.ts';
import type { CallCondition } from '#core/snapshot.ts';
import { bodyLimit } from './body-limit.ts';
import type { CompiledRoute } from './gateway.ts';
import { chosenOperation, type GraphqlOperation } from './graphql-operation.ts';
import type { Passage } from './passage.ts';
import { readBody } from './plain-body.ts';

/**
 * Which of the routes that are alike in all but what is asked takes it. Their policies are the same list, so who may ask
 * was settled before the body was read, whichever it is.
 */
function choose(
  { siblings }: CompiledRoute,
  takes: (call: CallCondition) => boolean,
): CompiledRoute | undefined {
  return siblings!.find(({ route }) => route.match.call === null || takes(route.match.call));
}

function goBy(passage: Passage, chosen: CompiledRoute): void {
  passage.route = chosen;
  passage.exchange.routeName = chosen.route.name;
}

/** Of an llm route's siblings the first that takes a model of these names; all names of a model are alike. */
export function routeForModel(route: CompiledRoute, names: readonly string[]): CompiledRoute | undefined {
  if (!route.siblings) return route;
  return choose(route, ({ models }) => models === null || names.some((name) => matchesAny(models, name)));
}

/** @throws Fault `route/not-found` when no sibling takes the model. */
export function chooseByModel(passage: Passage, names: readonly string[]): void {
  const chosen = routeForModel(passage.route, names);
  if (!chosen) throw new Fault('route/not-found', `No route here takes the model "${names[0] ?? ''}".`);
  goBy(passage, chosen);
}

/**
 * Reads the body of a GraphQL request and goes on by the route that takes its operation.
 * @throws Fault `route/not-found`, or what is wrong with the body.
 */
export async function chooseByOperation(passage: Passage): Promise<void> {
  const { head } = passage.exchange;
  let plain: Buffer | null = null;
  if (!isInQuery(head)) {
    const body = await readBody(passage.exchange, bodyLimit(passage));
    // What goes on is what came.
    passage.body = body.came;
    plain = passage.plainBody = body.plain;
  }
  const operation = operationOf(head, plain);
  const chosen = routeForOperation(passage.route, operation);
  if (!chosen) throw new Fault('route/not-found', `No route here takes ${named(operation)}.`);
  goBy(passage, chosen);
}

export function routeForOperation(
  route: CompiledRoute,
  operation: GraphqlOperation,
): CompiledRoute | undefined {
  return choose(route, ({ graphql }) => {
    if (!graphql) return true;
    const { types, names } = graphql;
    return (
      (types === null || (operation.type !== null && types.includes(operation.type))) &&
      (names === null || (operation.name !== null && matchesAny(names, operation.name)))
    );
  });
}

export const named = ({ type, name }: GraphqlOperation): string =>
  `the operation ${name === null ? 'without a name' : `"${name.slice(0, 100)}"`}${type === null ? '' : ` (${type})`}`;

const isInQuery = (head: RequestHead): boolean => head.method === 'GET' || head.method === 'HEAD';

/**
 * What a GraphQL request asks for: of GET in its query, else in its JSON body. Some servers read the query of a POST as
 * well, and before its body, so there it must not name anything.
 * @throws Fault where two readers could see two operations.
 */
export function operationOf(head: RequestHead, body: Buffer | null): GraphqlOperation {
  const documents = queryValues(head.query, 'query');
  const names = queryValues(head.query, 'operationName');
  if (body === null) {
    if (documents.length > 1 || names.length > 1)
      throw invalid('query', '"query" and "operationName" may stand once in the query of the URL.');
    if (head.contentLength !== 0) throw invalid('query', 'A GraphQL request by GET has no body.');
    return chosenOperation(documents[0] ?? null, names[0] || null);
  }
  if (documents.length > 0 || names.length > 0)
    throw invalid('query', 'The operation stands in the body, so the query of the URL must not name one.');
  const { query, operationName } = objectIn(body);
  if (query !== undefined && query !== null && typeof query !== 'string')
    throw invalid('query', '"query" is not a string.');
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string')
    throw invalid('operationName', '"operationName" is not a string.');
  return chosenOperation(query ?? null, operationName || null);
}

function objectIn(body: Buffer): JsonObject {
  const expected = 'A GraphQL request is one JSON object in UTF-8; batches are not taken here.';
  if (!isUtf8(body)) throw new Fault('request/body-not-json', expected);
  let parsed: unknown;
  try {
    parsed = parseJson(body.toString('utf8'));
  } catch {
    throw new Fault('request/body-not-json', expected);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new Fault('request/body-not-json', expected);
  refuseHiddenKeys(body.toString('latin1'));
  const { query, operationName } = parsed as JsonObject;
  return {
    ...(Object.hasOwn(parsed, 'query') && { query }),
    ...(Object.hasOwn(parsed, 'operationName') && { operationName }),
  } as JsonObject;
}

const invalid = (field: string, message: string): Fault =>
  new Fault('request/invalid-field', message, { field });
