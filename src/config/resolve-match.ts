import { isIP } from 'node:net';
import { LinearPattern } from '#core/linear-pattern.ts';
import { parameterNames } from '#core/path-template.ts';
import type { ConditionTest, HeadCondition, Route, RouteMatch } from '#core/snapshot.ts';
import type { ConditionSettings, MatchSettings } from './schema-match.ts';

export type Add = (step: string, message: string) => void;

const none: readonly HeadCondition[] = [];

/** What the settings say, in the words of the snapshot; what can never match is a problem. */
/** @param path Of the route; what stands in the settings unless it comes from a document. */
export function resolveMatch(
  settings: MatchSettings,
  { kind, path }: { readonly kind: Route['kind']; readonly path: RouteMatch['path'] },
  add: Add,
): RouteMatch {
  const { methods, models, graphql } = settings;
  const conditions = [
    ...conditionsOf('header', settings.headers, add),
    ...conditionsOf('query', settings.query, add),
    ...conditionsOf('cookie', settings.cookies, add),
  ];
  if (models && kind !== 'llm') add('match.models', 'only routes to llm know the model of a call');
  if (graphql && kind !== 'http') add('match.graphql', 'only http routes take GraphQL');
  if (graphql && !graphql.types && !graphql.names) add('match.graphql', 'expected "types" or "names"');
  const match: RouteMatch = {
    host: settings.host?.toLowerCase() ?? null,
    path,
    // What answers GET answers HEAD (RFC 9110 §9.1, §9.3.2).
    methods: methods?.includes('GET') && !methods.includes('HEAD') ? [...methods, 'HEAD'] : (methods ?? null),
    conditions: conditions.length > 0 ? conditions : none,
    clients: settings.clients ?? null,
    call:
      models || graphql
        ? {
            models: models ?? null,
            graphql: graphql ? { types: graphql.types ?? null, names: graphql.names ?? null } : null,
          }
        : null,
  };
  checkHost(match.host, add);
  if (typeof match.path === 'string') checkPath(match.path, add);
  else checkPattern(match.path.pattern, 'match.path.pattern', add);
  for (const range of match.clients ?? [])
    if (!isRange(range))
      add('match.clients', `expected an address or a range such as 10.0.0.0/8, got "${range}"`);
  return match;
}

export function conditionsOf(
  part: HeadCondition['part'],
  settings: Readonly<Record<string, ConditionSettings>> | undefined,
  add: Add,
): HeadCondition[] {
  return Object.entries(settings ?? {}).map(([name, wish]) => {
    const test: ConditionTest =
      typeof wish === 'string' ? { is: wish } : typeof wish === 'boolean' ? { present: wish } : wish;
    const step = { header: 'match.headers', query: 'match.query', cookie: 'match.cookies' }[part];
    if ('pattern' in test) checkPattern(test.pattern, step, add);
    if (part === 'header' && name.toLowerCase() === 'host')
      add(step, 'the host is matched by "host", which knows its one spelling');
    if (part === 'header' && name.toLowerCase() === 'cookie') add(step, 'cookies are matched by "cookies"');
    return { part, name: part === 'header' ? name.toLowerCase() : name, test };
  });
}

/** Patterns are compared with canonical hosts and paths, so what cannot be canonical would never match. */
function checkHost(host: string | null, add: Add): void {
  if (host !== null && !/^(?:\*\.)?(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/.test(host))
    add(
      'match.host',
      `expected a host such as api.example.com or *.example.com, without port, got "${host}"`,
    );
}

function checkPath(path: string, add: Add): void {
  const plain = path.endsWith('/**') ? path.slice(0, -3) : path;
  if (/[*?#\s\\]/.test(plain))
    add('match.path', `expected a path, or a path and /** at its end, got "${path}"`);
  else if (/\/\/|\/\.{1,2}(?:\/|$)|%(?:2f|5c|2e|00)/i.test(plain))
    add(
      'match.path',
      `"${path}" can never match: requests have no empty or dot segments and no encoded slashes`,
    );
  const names = parameterNames(plain);
  if (plain.split('/').filter((segment) => /[{}]/.test(segment)).length !== names.length)
    add('match.path', `expected parameters as whole segments, such as /users/{id}, got "${path}"`);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) add('match.path', `names the parameter "${twice}" twice`);
}

function checkPattern(pattern: string, step: string, add: Add): void {
  try {
    const { prefix } = new LinearPattern(pattern);
    if (step === 'match.path.pattern' && prefix !== '' && !prefix.startsWith('/'))
      add(step, `"${pattern}" can never match: a path begins with "/", and the pattern is for all of it`);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    add(step, `"${pattern}" is not a pattern that is understood: ${thrown.message}`);
  }
}

function isRange(range: string): boolean {
  const [address, prefix, more] = range.split('/');
  const family = isIP(address ?? '');
  if (family === 0 || more !== undefined) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}
