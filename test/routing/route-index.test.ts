import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { covers, templateAround } from '../../src/config/covers.ts';
import { bySpecificity } from '../../src/config/route-order.ts';
import { Fault } from '../../src/core/fault.ts';
import type { RequestHead } from '../../src/core/head.ts';
import { RouteTrie } from '../../src/core/route-trie.ts';
import type { RouteMatch, Snapshot } from '../../src/core/snapshot.ts';
import { compileRoutes } from '../../src/pipeline/compile-routes.ts';
import { findRoute, indexRoutes } from '../../src/pipeline/find-route.ts';
import { anyHead, anyMatch, routeOf, slowVerdict } from '../harness/slow-match.ts';

const numRuns = process.env.SLUICE_LONG ? 20_000 : 1000;

function indexed(matches: readonly RouteMatch[]) {
  const snapshot = { routes: matches.map((match, i) => routeOf(match, String(i))) } as unknown as Snapshot;
  const routes = compileRoutes(snapshot, new Map(), {} as never);
  return { routes, routeTrie: indexRoutes(routes) };
}

/** The route's name, or the refusal. */
function fast(routes: ReturnType<typeof indexed>, head: RequestHead): string {
  try {
    return findRoute(routes, head).route.name;
  } catch (thrown) {
    assert.ok(thrown instanceof Fault, String(thrown));
    const allow = thrown.details.headers?.[1]?.split(', ').toSorted().join() ?? '';
    return `${thrown.code} ${allow}`.trim();
  }
}

function slow(matches: readonly RouteMatch[], head: RequestHead): string {
  const allowed = new Set<string>();
  for (const [i, match] of matches.entries()) {
    const verdict = slowVerdict(match, head);
    if (verdict === 'yes') return String(i);
    if (verdict === 'unclear') return 'request/malformed';
    if (verdict === 'method') for (const method of match.methods!) allowed.add(method);
  }
  if (allowed.size === 0) return 'route/not-found';
  return `route/method-not-allowed ${[...allowed].toSorted().join()}`;
}

test('the index finds what trying one route after the other finds', () => {
  fc.assert(
    fc.property(
      fc.array(anyMatch, { maxLength: 12 }),
      fc.array(anyHead, { minLength: 5, maxLength: 15 }),
      (matches, heads) => {
        const routes = indexed(matches);
        for (const head of heads) assert.equal(fast(routes, head), slow(matches, head));
      },
    ),
    { numRuns, seed: 41 },
  );
});

const sample = fc.sample(anyHead, { numRuns: 3000, seed: 7 });
const takes = (match: RouteMatch, head: RequestHead): boolean =>
  ['yes', 'unclear'].includes(slowVerdict(match, head));

test('a route that is said to cover another takes all that the other takes', () => {
  let covered = 0;
  fc.assert(
    fc.property(anyMatch, anyMatch, (one, other) => {
      if (!covers(one, other)) return;
      covered++;
      const escaped = sample.find((head) => takes(other, head) && !takes(one, head));
      assert.equal(escaped, undefined);
    }),
    { numRuns: numRuns * 10, seed: 19 },
  );
  assert.ok(covered > numRuns / 10, `${covered} were covered`);
});

test('by host, path and method alone, what is covered is known exactly', () => {
  const plain = anyMatch
    .filter(({ path }) => typeof path === 'string' && path !== '/')
    .map((match) => ({ ...match, conditions: [], clients: null }));
  fc.assert(
    fc.property(plain, plain, (one, other) => {
      if (sample.every((head) => !takes(other, head) || takes(one, head))) {
        // The sample has no path below three segments that would tell these apart.
        if (typeof other.path === 'string' && !sample.some((head) => takes(other, head))) return;
        if (covers(one, other) || hasFewPaths(other)) return;
        assert.fail(`${JSON.stringify(one)} takes all of ${JSON.stringify(other)}`);
      }
    }),
    { numRuns, seed: 23 },
  );
});

/** Templates of which the sample has one path or two are all taken by some literal. */
const hasFewPaths = ({ path, host }: RouteMatch): boolean =>
  typeof path !== 'string' || /[{*]/.test(path) || (host !== null && host.includes('b.a'));

test('the index of what may cover a route misses none that does', () => {
  fc.assert(
    fc.property(fc.array(anyMatch, { maxLength: 10 }), anyMatch, (matches, match) => {
      const trie = new RouteTrie();
      for (const [i, each] of matches.entries()) trie.add(i, each.host, templateAround(each.path));
      const found = new Set(trie.covering(match.host, templateAround(match.path), 100));
      for (const [i, each] of matches.entries()) if (covers(each, match)) assert.ok(found.has(i), String(i));
    }),
    { numRuns, seed: 29 },
  );
});

test('most specific first: a route never stands behind one that takes all of its requests', () => {
  const withoutPatterns = anyMatch.filter(({ path }) => typeof path === 'string');
  fc.assert(
    fc.property(fc.array(withoutPatterns, { maxLength: 10 }), (matches) => {
      const sorted = matches.toSorted(bySpecificity);
      for (const [i, match] of sorted.entries())
        for (const earlier of sorted.slice(0, i))
          assert.ok(!covers(earlier, match) || covers(match, earlier), JSON.stringify([earlier, match]));
    }),
    { numRuns, seed: 31 },
  );
});
