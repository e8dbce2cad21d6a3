import { cookieValues } from '#core/cookie.ts';
import { queryValues } from '#core/query.ts';
import { BlockList, isIP } from 'node:net';
import { valuesOf, type RequestHead } from '#core/head.ts';
import { LinearPattern } from '#core/linear-pattern.ts';
import type { HeadCondition, RouteMatch } from '#core/snapshot.ts';

/** What a route asks of the head besides host, path template and method. */
export interface HeadTest {
  readonly path: LinearPattern | null;
  readonly conditions: readonly CompiledCondition[];
  readonly clients: BlockList | null;
}

export interface CompiledCondition {
  readonly condition: HeadCondition;
  readonly pattern: LinearPattern | null;
}

/**
 * What came of it: `unclear` where all else fits, but what the route decides by was given more than once. The next reader
 * might take the other one, so such a request is the route's, and is refused.
 */
export type Verdict =
  | { readonly kind: 'yes' }
  | { readonly kind: 'no' | 'unclear'; readonly by: 'path' | 'clients' | HeadCondition };

const yes: Verdict = { kind: 'yes' };
const wrongPath: Verdict = { kind: 'no', by: 'path' };
const wrongClient: Verdict = { kind: 'no', by: 'clients' };

/** Makes the tests of one snapshot; a pattern that many routes share is one. */
export function createHeadTests(): (match: RouteMatch) => HeadTest | null {
  const patterns = new Map<string, LinearPattern>();
  const patternOf = (source: string): LinearPattern => {
    let known = patterns.get(source);
    if (!known) patterns.set(source, (known = new LinearPattern(source)));
    return known;
  };
  return ({ path, conditions, clients }) => {
    if (typeof path === 'string' && conditions.length === 0 && clients === null) return null;
    return {
      path: typeof path === 'string' ? null : patternOf(path.pattern),
      conditions: conditions.map((condition) => ({
        condition,
        pattern: 'pattern' in condition.test ? patternOf(condition.test.pattern) : null,
      })),
      clients: clients && blockListOf(clients),
    };
  };
}

function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address, prefix] = range.split('/') as [string, string?];
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

export function judgeHead(test: HeadTest, head: RequestHead): Verdict {
  if (test.path && !test.path.matches(head.path)) return wrongPath;
  if (test.clients && !isIn(test.clients, head.clientAddress)) return wrongClient;
  let verdict = yes;
  for (const { condition, pattern } of test.conditions) {
    const values = conditionValues(condition, head);
    const { test: wanted } = condition;
    if ('present' in wanted) {
      if (values.length > 0 !== wanted.present) return { kind: 'no', by: condition };
    } else if (values.length > 1) verdict = { kind: 'unclear', by: condition };
    else {
      const value = values[0];
      const holds =
        value !== undefined &&
        ('is' in wanted
          ? value === wanted.is
          : 'prefix' in wanted
            ? value.startsWith(wanted.prefix)
            : pattern!.matches(value));
      if (!holds) return { kind: 'no', by: condition };
    }
  }
  return verdict;
}

const isIn = (list: BlockList, address: string): boolean =>
  isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

function conditionValues({ part, name }: HeadCondition, head: RequestHead): string[] {
  if (part === 'query') return queryValues(head.query, name);
  if (part === 'header') return valuesOf(head.headers, name);
  return valuesOf(head.headers, 'cookie').flatMap((header) => cookieValues(header, name));
}
