import { whyNotCanonical } from '#core/canonical-path.ts';
import { parameterNames } from '#core/path-template.ts';
import { placeholdersOf } from '#core/request-template.ts';
import type { Rewrite } from '#core/rewrite.ts';
import type { RedirectAnswer, RouteMatch, StaticAnswer } from '#core/snapshot.ts';
import type { Add } from './resolve-match.ts';
import type { RedirectSettings, RewriteSettings, StaticSettings } from './schema-destination.ts';

const framing = new Set([
  'connection',
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'trailer',
  'upgrade',
]);

export function resolveRedirect(settings: RedirectSettings, match: RouteMatch, add: Add): RedirectAnswer {
  const { to, status = 307, keepQuery = true } = settings;
  checkTemplate(to, match, (message) => add('to.redirect.to', message));
  if (/\/\.{1,2}(?:[/?#]|$)|%0[0-9a-f]|%2f|%5c/i.test(to))
    add('to.redirect.to', `expected a place without dot segments and encoded delimiters, got "${to}"`);
  if (to.includes('://{request.host}') && match.host === null)
    add('to.redirect.to', '{request.host} is whatever the client says; say which in "match.host"');
  return { kind: 'redirect', status, to, keepQuery };
}

export function resolveStatic(settings: StaticSettings, add: Add): StaticAnswer {
  const { status = 200, body = null } = settings;
  const headers: string[] = [];
  for (const [name, value] of Object.entries(settings.headers ?? {})) {
    if (framing.has(name.toLowerCase())) add('to.static.headers', `"${name}" belongs to the connection`);
    headers.push(name.toLowerCase(), value);
  }
  if ((status === 204 || status === 205 || status === 304) && body)
    add('to.static.body', `an answer of status ${status} has no body`);
  if (body !== null && !headers.includes('content-type'))
    headers.push('content-type', 'text/plain; charset=utf-8');
  return { kind: 'static', status, headers, body };
}

export function resolveRewrite(settings: RewriteSettings, match: RouteMatch, add: Add): Rewrite {
  const { path = null, host = null, query = {} } = settings;
  const check = (template: string, step: string) =>
    checkTemplate(template, match, (message) => add(`to.rewrite.${step}`, message));
  if (path !== null) {
    check(path, 'path');
    const example = path.replace(/^\{request\.path\}/, '/x').replace(/\{[^{}]*\}/g, 'x');
    const why = whyNotCanonical(example);
    if (why !== null) add('to.rewrite.path', `expected a canonical path, got one with ${why}: "${path}"`);
  }
  if (host !== null) check(host, 'host');
  for (const template of Object.values(query.set ?? {})) check(template, 'query.set');
  return { path, host, setQuery: query.set ?? {}, removeQuery: query.remove ?? [] };
}

/** A template that names what the route's path does not have would be sent on as it is written. */
export function checkTemplate(template: string, { path }: RouteMatch, tell: (message: string) => void): void {
  const known = ['request.path', 'request.host'];
  if (typeof path === 'string') known.push(...parameterNames(path), ...(path.endsWith('/**') ? ['**'] : []));
  const found = placeholdersOf(template);
  const strange = found.find((name) => !known.includes(name));
  if (strange !== undefined)
    tell(`{${strange}} is not in the route's path; there are ${known.map((name) => `{${name}}`).join(', ')}`);
  else if (
    /[{}]/.test(template.replace(/\{[^{}]*\}/g, '')) ||
    template.split('{').length - 1 !== found.length
  )
    tell(`expected {name}, {**}, {request.path} or {request.host} in "${template}"`);
}
