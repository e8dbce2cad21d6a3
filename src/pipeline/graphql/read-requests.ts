import { isUtf8 } from 'node:buffer';
import type { JsonObject } from '#core/call.ts';
import { Fault } from '#core/fault.ts';
import { headerOf, type RequestHead } from '#core/head.ts';
import { refuseHiddenKeys } from '#core/hidden-keys.ts';
import { parseJson } from '#core/parse-json.ts';
import { queryValues } from '#core/query.ts';
import { isObject } from '#core/read-json.ts';

/** What one operation is asked for by (https://graphql.github.io/graphql-over-http/draft/#sec-Request-Parameters). */
export interface GraphqlRequest {
  readonly query: string | null;
  readonly operationName: string | null;
  readonly variables: JsonObject | null;
  readonly extensions: JsonObject | null;
  /** Names a document that is not sent. */
  readonly documentId: string | null;
}

const parameters = ['query', 'operationName', 'variables', 'extensions', 'documentId'] as const;

/**
 * The request of a GET, which stands in the query of its URL.
 * @throws Fault where two readers could see two requests, or a parameter is not what it must be.
 */
export function requestOfQuery(head: RequestHead): GraphqlRequest {
  if (head.contentLength !== 0) throw invalid('query', 'A GraphQL request by GET has no body.');
  const said: Record<string, unknown> = {};
  for (const name of parameters) {
    const values = queryValues(head.query, name);
    if (values.length > 1) throw invalid(name, `"${name}" may stand once in the query of the URL.`);
    const [value] = values;
    if (value === undefined || value === '') continue;
    said[name] = name === 'variables' || name === 'extensions' ? jsonIn(name, value) : value;
  }
  return requestOf(said);
}

/**
 * Those of a POST's body: one, or a list of up to `maxBatch`. Some servers read the query of a POST's URL as well, and before its
 * body, so it must not name anything there.
 * @throws Fault as above.
 */
export function requestsOfBody(
  head: RequestHead,
  body: Buffer,
  maxBatch: number,
): { readonly requests: readonly GraphqlRequest[]; readonly sent: JsonObject | readonly JsonObject[] } {
  requireJson(head);
  refuseParameters(head);
  if (!isUtf8(body)) throw notJson();
  let parsed: unknown;
  try {
    parsed = parseJson(body.toString('utf8'));
  } catch {
    throw notJson();
  }
  refuseHiddenKeys(body.toString('latin1'));
  if (!Array.isArray(parsed)) {
    if (!isObject(parsed)) throw notJson();
    return { requests: [requestOf(parsed)], sent: parsed };
  }
  if (maxBatch === 1)
    throw new Fault(
      'request/body-not-json',
      'A GraphQL request is one JSON object; lists of them are not taken here.',
    );
  if (parsed.length === 0) throw notJson();
  if (parsed.length > maxBatch) {
    const message = `A batch has ${parsed.length} operations; at most ${maxBatch} are allowed.`;
    const extensions = { limit: 'batch', came: parsed.length, allowed: maxBatch };
    throw new Fault('graphql/limit-exceeded', message, { extensions });
  }
  const sent = parsed.map((entry: unknown) => {
    if (!isObject(entry)) throw notJson();
    return entry;
  });
  return { requests: sent.map(requestOf), sent };
}

/** What is not asked for by the URL must not seem to be. @throws Fault `request/invalid-field` */
export function refuseParameters(head: RequestHead): void {
  const named = parameters.find((name) => queryValues(head.query, name).length > 0);
  if (named !== undefined)
    throw invalid(
      named,
      `What is asked for stands elsewhere, so the URL must not have "${named}" in its query.`,
    );
}

/** From the same members in JSON, wherever they came. @throws Fault `request/invalid-field` */
export function requestOf(said: Readonly<Record<string, unknown>>): GraphqlRequest {
  const take = (name: (typeof parameters)[number]): unknown =>
    Object.hasOwn(said, name) ? said[name] : null;
  const text = (name: 'query' | 'operationName' | 'documentId'): string | null => {
    const value = take(name) ?? null;
    if (value !== null && typeof value !== 'string') throw invalid(name, `"${name}" is not a string.`);
    return value === '' && name === 'operationName' ? null : value;
  };
  const map = (name: 'variables' | 'extensions'): JsonObject | null => {
    const value = take(name) ?? null;
    if (value !== null && !isObject(value)) throw invalid(name, `"${name}" is not a JSON object.`);
    return value;
  };
  return {
    query: text('query'),
    operationName: text('operationName'),
    variables: map('variables'),
    extensions: map('extensions'),
    documentId: text('documentId'),
  };
}

/** A page of somebody else can send any body but one that says it is JSON, unless it was allowed to. */
function requireJson({ headers }: RequestHead): void {
  const type = headerOf(headers, 'content-type');
  const [media = '', ...rest] = (type ?? '').toLowerCase().split(';');
  const charset = rest.map((part) => part.trim()).find((part) => part.startsWith('charset='));
  const isUtf = charset === undefined || /^charset="?utf-?8"?$/.test(charset);
  if (media.trim() === 'application/json' && isUtf) return;
  const came = type === undefined ? 'no Content-Type' : `"${type.slice(0, 100)}"`;
  throw new Fault(
    'request/invalid-field',
    `A GraphQL request by POST is application/json in UTF-8; got ${came}.`,
    { status: 415, field: 'content-type', headers: ['accept-post', 'application/json'] },
  );
}

function jsonIn(name: string, text: string): unknown {
  try {
    const parsed = parseJson(text);
    refuseHiddenKeys(Buffer.from(text).toString('latin1'));
    return parsed;
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw invalid(name, `"${name}" is not valid JSON.`);
  }
}

const notJson = (): Fault =>
  new Fault('request/body-not-json', 'A GraphQL request is a JSON object in UTF-8.');

const invalid = (field: string, message: string): Fault =>
  new Fault('request/invalid-field', message, { field });
