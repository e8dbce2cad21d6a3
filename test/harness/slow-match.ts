import fc from 'fast-check';
import type { RequestHead } from '../../src/core/head.ts';
import { unrouted } from '../../src/pipeline/passage.ts';
import type { ConditionTest, HeadCondition, HttpRoute, RouteMatch } from '../../src/core/snapshot.ts';

/** Matching as its documentation says it, one route after the other, by means that the gateway does not use. */
export function slowVerdict(match: RouteMatch, head: RequestHead): 'yes' | 'no' | 'unclear' | 'method' {
  const { host, path, methods, conditions, clients } = match;
  if (host !== null && !new RegExp(`^${quoted(host).replace('\\*', '.+')}$`).test(head.host)) return 'no';
  const source =
    typeof path === 'string'
      ? quoted(path)
          .replace(/\/\\\*\\\*$/, '(/.*)?')
          .replace(/\\\{\w+\\\}/g, '[^/]+')
      : path.pattern;
  if (!new RegExp(`^(?:${source})$`).test(head.path)) return 'no';
  const params = new URLSearchParams(head.query);
  let isUnclear = false;
  for (const { part, name, test } of conditions) {
    const values =
      part === 'query'
        ? params.getAll(name)
        : part === 'cookie'
          ? headers(head, 'cookie').flatMap((line) =>
              line
                .split('; ')
                .flatMap((pair) => (pair.startsWith(`${name}=`) ? [pair.slice(name.length + 1)] : [])),
            )
          : headers(head, name);
    if ('present' in test) {
      if (test.present !== values.length > 0) return 'no';
    } else if (values.length > 1) isUnclear = true;
    else if (!values.some((value) => fits(test, value))) return 'no';
  }
  if (clients && !clients.some((range) => range === head.clientAddress)) return 'no';
  if (methods && !methods.includes(head.method)) return 'method';
  return isUnclear ? 'unclear' : 'yes';
}

const quoted = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const headers = (head: RequestHead, name: string): string[] =>
  head.headers.filter((_, i) => i % 2 === 1 && head.headers[i - 1] === name);

function fits(test: ConditionTest, value: string): boolean {
  if ('is' in test) return value === test.is;
  if ('prefix' in test) return value.startsWith(test.prefix);
  return 'pattern' in test && new RegExp(`^(?:${test.pattern})$`).test(value);
}

const paths = [
  '/**',
  '/',
  '/a',
  '/a/',
  '/a/**',
  '/a/b',
  '/a/{x}',
  '/{x}',
  '/{x}/b',
  '/{x}/b/**',
  '/a/{x}/c',
  '/a/b/**',
  '/{x}/{y}/**',
  '/ab',
];
const pattern = fc
  .constantFrom('/a/[a-z]+', '/(a|ab)(/.*)?', '/.*', '/a/b/c+', '.*b')
  .map((text) => ({ pattern: text }));
const test: fc.Arbitrary<ConditionTest> = fc.constantFrom<ConditionTest>(
  { is: 'v1' },
  { is: 'w' },
  { prefix: 'v' },
  { pattern: 'v[0-9]' },
  { present: true },
  { present: false },
);
const condition: fc.Arbitrary<HeadCondition> = fc.record({
  part: fc.constantFrom('header', 'query', 'cookie'),
  name: fc.constantFrom('x', 'y'),
  test,
});

export const anyMatch: fc.Arbitrary<RouteMatch> = fc.record({
  host: fc.constantFrom(null, null, 'a.test', '*.test', '*.a.test', 'b.a.test'),
  path: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...paths) }, { weight: 1, arbitrary: pattern }),
  methods: fc.constantFrom(null, null, ['GET', 'HEAD'], ['GET', 'HEAD', 'POST']),
  conditions: fc.oneof(fc.constant([]), fc.array(condition, { maxLength: 2 })),
  clients: fc.constantFrom(null, null, null, ['10.0.0.1'], ['10.0.0.1', '10.0.0.2']),
  call: fc.constant(null),
});

const value = fc.constantFrom('v1', 'v12', 'w', '');
const pairs = fc.array(fc.tuple(fc.constantFrom('x', 'y'), value), { maxLength: 2 });

export const anyHead: fc.Arbitrary<RequestHead> = fc
  .record({
    host: fc.constantFrom('a.test', 'b.a.test', 'c.b.a.test', 'x.test', 'other'),
    path: fc.constantFrom(
      '/',
      '/a',
      '/a/',
      '/a/b',
      '/a/b/',
      '/a/b/c',
      '/a/c',
      '/c/b',
      '/ab',
      '/ab/b/c',
      '/c',
    ),
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT'),
    headers: pairs,
    query: pairs,
    cookies: pairs,
    clientAddress: fc.constantFrom('10.0.0.1', '10.0.0.2', '::1'),
  })
  .map(({ host, path, method, headers, query, cookies, clientAddress }) => ({
    method,
    scheme: 'http',
    host,
    authority: host,
    path,
    query: query.map(([name, text]) => `${name}=${text}`).join('&'),
    headers: [
      ...headers.flat(),
      ...(cookies.length ? ['cookie', cookies.map(([name, text]) => `${name}=${text}`).join('; ')] : []),
    ],
    clientAddress,
    peer: { address: clientAddress, trusted: false },
    contentLength: 0,
    upgrade: null,
    clientCertificate: null,
  }));

export const routeOf = (match: RouteMatch, name: string): HttpRoute => ({
  ...(unrouted.route as HttpRoute),
  name,
  match,
});
