import { hash } from 'node:crypto';
import type { Exchange } from '#core/exchange.ts';
import { headerOf, valuesOf, type RequestHead } from '#core/head.ts';
import { decodedParameter, withoutParameter } from '#core/query.ts';

export type Scope = 'consumer' | 'project' | 'everybody';

/** What makes two requests one. */
export interface KeyRules {
  /** Of the policy. */
  readonly instance: string;
  readonly scope: Scope;
  /** Parameters of the query that say nothing, or the only ones that say something. */
  readonly ignored: ReadonlySet<string>;
  readonly only: ReadonlySet<string> | null;
  readonly isSorted: boolean;
  /** Request headers, in lower case. */
  readonly headers: readonly string[];
}

/** Where a request leads, in one spelling: host, path and query. Whoever asks for it. */
export function uriOf(exchange: Pick<Exchange, 'head' | 'consumedParameter'>, rules: KeyRules): string {
  const { head, consumedParameter: used } = exchange;
  const query = used === null ? head.query : withoutParameter(head.query, used);
  return renderUri(head.authority, head.path, queryIn(query, rules));
}

export const renderUri = (authority: string, path: string, query: string): string =>
  `//${authority.toLowerCase()}${path}?${query}`;

export function queryIn(query: string, { ignored, only, isSorted }: KeyRules): string {
  if (query === '' || (ignored.size === 0 && only === null && !isSorted)) return query;
  const kept = query.split('&').filter((pair) => {
    const name = decodedParameter(/^[^=]*/.exec(pair)![0]);
    return only === null ? !ignored.has(name) : only.has(name);
  });
  return (isSorted ? kept.toSorted() : kept).join('&');
}

/** The key of all answers to a request, whatever they vary by. Each part stands for itself, whatever letters it has. */
export function keyOf(exchange: Exchange, rules: KeyRules): string {
  const { head } = exchange;
  const parts = [rules.instance, exchange.routeName, exchange.partName ?? '', ownerOf(exchange, rules.scope)];
  const saidByPeer = head.peer.trusted
    ? ['x-forwarded-host', 'x-forwarded-proto'].map((name) => headerOf(head.headers, name) ?? null)
    : [];
  const asked = rules.headers.map((name) => fieldOf(exchange, name));
  return JSON.stringify([...parts, head.scheme, uriOf(exchange, rules), saidByPeer, asked]);
}

/** Who has an answer for himself. Nobody is known where somebody shows what upstreams judge. */
function ownerOf({ consumer, head, consumedHeaders }: Exchange, scope: Scope): string {
  if (scope === 'everybody') return '';
  if (consumer)
    return scope === 'project' ? `project ${consumer.project}` : `key ${consumer.project} ${consumer.id}`;
  const shown = valuesOf(head.headers, 'authorization');
  if (shown.length === 0 || consumedHeaders.includes('authorization')) return '';
  return `authorization ${hash('sha256', JSON.stringify(shown))}`;
}

/** Made by the gateway for each request: nothing that varies by one can be given to another. */
const ownFields = /^(?:x-forwarded-.*|forwarded|via|traceparent|x-sluice-.*|x-real-ip)$/;

/** A request header as upstreams are sent it; null: it differs from request to request. */
export function fieldOf(
  { head, upstreamHeaders, consumedHeaders }: Pick<Exchange, 'head' | 'upstreamHeaders' | 'consumedHeaders'>,
  name: string,
): string | null {
  if (ownFields.test(name)) return null;
  let values = consumedHeaders.includes(name) ? [] : valuesOf(head.headers, name);
  for (const edit of upstreamHeaders) {
    if (edit.name !== name) continue;
    const added = edit.value === null ? [] : [edit.value];
    values = edit.add ? [...values, ...added] : added;
  }
  const list = values.join(',').split(',');
  const text = list.map((value) => value.trim()).join(',');
  return name === 'accept-encoding' ? text.toLowerCase() : text;
}

/**
 * By which some servers take a request for another one than its request line says. They are in no key, so a request with one of them
 * neither gets a kept answer nor leaves one.
 */
const overriding = [
  'x-original-url',
  'x-rewrite-url',
  'x-original-host',
  'x-host',
  'x-http-host-override',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
];

/** Why a request has nothing to do with what is kept; null: it has. */
export function whyApart(head: RequestHead): string | null {
  if (head.contentLength !== 0) return 'body';
  const found = overriding.find((name) => headerOf(head.headers, name) !== undefined);
  return found === undefined ? null : 'override';
}
