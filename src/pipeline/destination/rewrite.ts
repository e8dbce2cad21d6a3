import { whyNotCanonical } from '#core/canonical-path.ts';
import { Fault } from '#core/fault.ts';
import { decodedParameter } from '#core/query.ts';
import type { RequestHead } from '#core/head.ts';
import { anywhere, inPath, renderTemplate, type Captured } from '#core/request-template.ts';
import type { Rewrite } from '#core/rewrite.ts';

/** The path to ask an upstream for. @throws Fault `request/malformed` when what was captured makes none. */
export function rewrittenPath(template: string, captured: Captured): string {
  const path = renderTemplate(template, captured, inPath);
  const why = whyNotCanonical(path);
  if (why !== null) throw new Fault('request/malformed', `The path would be rewritten to one with ${why}.`);
  return path;
}

/** The Host to name. @throws Fault `request/malformed` when what was captured cannot stand in one. */
export function rewrittenHost(template: string, captured: Captured): string {
  const host = renderTemplate(template, captured, anywhere);
  if (!/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?::\d{1,5})?$/.test(host))
    throw new Fault('request/malformed', 'What the path names cannot be part of a host.');
  return host;
}

/** The query to send; empty when none is left. Names are compared as readers decode them. */
export function rewrittenQuery({ query }: RequestHead, rewrite: Rewrite, captured: Captured): string {
  const { setQuery, removeQuery } = rewrite;
  const set = Object.entries(setQuery);
  if (set.length === 0 && removeQuery.length === 0) return query;
  const goes = (pair: string): boolean => {
    const equals = pair.indexOf('=');
    const name = decodedParameter(equals < 0 ? pair : pair.slice(0, equals));
    return pair === '' || removeQuery.includes(name) || Object.hasOwn(setQuery, name);
  };
  const kept = removeQuery.includes('*') ? [] : query.split('&').filter((pair) => !goes(pair));
  for (const [name, template] of set)
    kept.push(`${encodeURIComponent(name)}=${queryValue(template, captured)}`);
  return kept.join('&');
}

/** What is written is encoded; what was captured has its escapes already. */
function queryValue(template: string, captured: Captured): string {
  return template
    .split(/(\{[^{}]*\})/)
    .map((piece, i) => (i % 2 === 0 ? encodeURIComponent(piece) : valueOf(piece, captured)))
    .join('');
}

function valueOf(piece: string, captured: Captured): string {
  const value = renderTemplate(piece, captured, anywhere);
  return value === piece ? encodeURIComponent(piece) : value;
}
