import type { Exchange } from '#core/exchange.ts';
import type { Fault } from '#core/fault.ts';
import { valuesOf } from '#core/head.ts';

import { wholeAnswer, type Answer } from '../answer.ts';
import type { CompiledRoute } from '../gateway.ts';
import type { Passage } from '../passage.ts';
import { mediaQuality } from './media-quality.ts';

const json = 'application/json';
const graphqlResponse = 'application/graphql-response+json';
const eventStream = 'text/event-stream';

/** Of a split route the first part stands for all, until one is chosen. */
export function speaksGraphql({ route, parts }: CompiledRoute): boolean {
  if (parts) return speaksGraphql(parts[0]!.compiled);
  return route.kind === 'http' && route.graphql !== null;
}

/**
 * A fault as a GraphQL response, in the media type that the client takes (https://graphql.github.io/graphql-over-http/draft/). In
 * application/json what is wrong with the operation has status 200, as that says: only the newer type may mean it otherwise.
 */
export function refuseGraphql(passage: Passage, fault: Fault): Answer {
  const { exchange } = passage;
  const type = typeFor(exchange);
  const isOfOperation = fault.code.startsWith('graphql/');
  const response = JSON.stringify({ errors: [graphqlError(fault, exchange.id)] });
  const isStream = type === eventStream && isOfOperation;
  const status = isOfOperation && type !== graphqlResponse ? 200 : fault.status;
  const answer = wholeAnswer(passage, {
    status,
    headers: [
      'content-type',
      isStream ? `${eventStream}; charset=utf-8` : `${type === eventStream ? json : type}; charset=utf-8`,
      'cache-control',
      'no-store',
      ...(fault.details.headers ?? []),
    ],
    // https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md#distinct-connections-mode
    body: isStream ? `event: next\ndata: ${response}\n\nevent: complete\ndata:\n\n` : response,
  });
  exchange.status = fault.status;
  return answer;
}

export interface GraphqlErrorBody {
  readonly message: string;
  readonly extensions: Readonly<Record<string, string | number>>;
}

/** One entry of `errors` (GraphQL specification of October 2021, §7.1.2). */
export const graphqlError = (fault: Fault, exchangeId: string): GraphqlErrorBody => ({
  message: fault.message,
  extensions: { code: fault.code, ...fault.details.extensions, exchange: exchangeId },
});

function typeFor({ head }: Exchange): string {
  const accept = valuesOf(head.headers, 'accept').join(',').toLowerCase();
  // Who says nothing takes what there was before there was another type.
  if (accept === '') return json;
  const [newer, older, stream] = [graphqlResponse, json, eventStream].map((type) =>
    mediaQuality(accept, type),
  );
  const namesNewer = accept.includes(graphqlResponse);
  if (namesNewer && newer! > 0 && newer! >= older!) return graphqlResponse;
  if (older! > 0) return json;
  if (newer! > 0) return graphqlResponse;
  return stream! > 0 ? eventStream : json;
}
