import type { JsonObject } from '#core/call.ts';
import { Fault } from '#core/fault.ts';
import { bounded } from '#core/graphql/cost-rules.ts';
import type { AskedOperation } from '#core/graphql/graphql-call.ts';
import { withoutParameter } from '#core/query.ts';
import type { HttpRoute } from '#core/snapshot.ts';
import { bodyLimit } from '../body-limit.ts';
import type { Passage } from '../passage.ts';
import { readBody } from '../plain-body.ts';
import type { Understood } from './engine.ts';
import { webSocketWanted } from '../websocket/handshake.ts';
import { refuseParameters, requestOfQuery, requestsOfBody, type GraphqlRequest } from './read-requests.ts';

/** What receipts call the wire format. */
export const graphqlDialect = 'graphql';

/**
 * Finds out what a request of a GraphQL route asks for. What the client has only named stands in the request when it goes on.
 * WebSockets, and what asks for options, ask for nothing yet.
 * @throws Fault for what no server could run.
 */
export async function understandGraphql(passage: Passage, route: HttpRoute): Promise<void> {
  const { exchange } = passage;
  const { head } = exchange;
  exchange.dialectName = graphqlDialect;
  if (head.method === 'OPTIONS') return;
  // A server that has no WebSockets would take it for an ordinary GET.
  if (webSocketWanted(exchange, route) !== null) return refuseParameters(head);
  if (head.method === 'GET' || head.method === 'HEAD') return understandQuery(passage);
  if (head.method !== 'POST')
    throw new Fault('route/method-not-allowed', `GraphQL is asked by GET and POST, not ${head.method}.`, {
      headers: ['allow', 'GET, HEAD, POST, OPTIONS'],
    });
  const body = await wholeBody(passage);
  const { requests, sent } = requestsOfBody(head, body, route.graphql!.maxBatch);
  const understood = judge(passage, requests);
  if (understood.every(({ found }) => found === null)) return;
  const members = [sent].flat().map((member, i) => withDocument(member, understood[i]!.found));
  passage.body = Buffer.from(JSON.stringify(Array.isArray(sent) ? members : members[0]));
  exchange.upstreamHeaders.push({ name: 'content-encoding', value: null, add: false });
}

/** As it came it goes on, unless it is rewritten. */
async function wholeBody(passage: Passage): Promise<Buffer> {
  if (passage.plainBody) return passage.plainBody;
  const { came, plain } = await readBody(passage.exchange, bodyLimit(passage));
  passage.body = came;
  passage.plainBody = plain;
  return plain;
}

function understandQuery(passage: Passage): void {
  const { head } = passage.exchange;
  const request = requestOfQuery(head);
  const [understood] = judge(passage, [request]);
  const { asked, found } = understood!;
  // https://graphql.github.io/graphql-over-http/draft/#sel-FALJRFCAACEL9xF: what changes something is no GET.
  if (asked.type === 'mutation')
    throw new Fault('route/method-not-allowed', 'A mutation is asked for by POST.', {
      headers: ['allow', 'POST'],
    });
  if (found === null) return;
  const { extensions } = withDocument(
    request.extensions === null ? {} : { extensions: request.extensions },
    found,
  );
  const rest = ['query', 'extensions', 'documentId'].reduce(withoutParameter, head.query);
  const more =
    extensions === undefined ? '' : `&extensions=${encodeURIComponent(JSON.stringify(extensions))}`;
  passage.query = `${rest === '' ? '' : `${rest}&`}query=${encodeURIComponent(found)}${more}`;
}

function judge(passage: Passage, requests: readonly GraphqlRequest[]): Understood[] {
  const { exchange, gateway, route } = passage;
  const engine = gateway.graphqlOf(route.route);
  const project = exchange.consumer?.project ?? '';
  const understood = requests.map((request) => engine.understand(request, project));
  const operations = understood.map(({ asked }) => asked);
  exchange.graphql = { operations, cost: costOf(operations) };
  return understood;
}

export const costOf = (operations: readonly AskedOperation[]): number =>
  operations.reduce((sum, { measures }) => bounded(sum + (measures?.cost ?? 0)), 0);

/** The document stands in place of what it was named by. */
export function withDocument(member: JsonObject, found: string | null): JsonObject {
  if (found === null) return member;
  const { documentId: _named, extensions, ...rest } = member as Record<string, unknown>;
  const { persistedQuery: _hash, ...others } = (extensions ?? {}) as Record<string, unknown>;
  const kept = Object.keys(others).length > 0 ? { extensions: others } : {};
  return { ...rest, query: found, ...kept } as JsonObject;
}
