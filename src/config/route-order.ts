import { parseTemplate, wholeSegments } from '#core/path-template.ts';
import type { ConditionTest, RouteMatch } from '#core/snapshot.ts';
import { LinearPattern } from '#core/linear-pattern.ts';

/**
 * Which of two matches is more specific, for `routing: specific`: negative when the first is. By host, path, conditions,
 * clients and methods, in this order; zero leaves the order they are written in. A match that takes only a part of what
 * another takes never comes after it (patterns aside, of which that cannot be said).
 */
export function bySpecificity(one: RouteMatch, other: RouteMatch): number {
  return (
    hostRank(other.host) - hostRank(one.host) ||
    comparePaths(one.path, other.path) ||
    conditionRank(other) - conditionRank(one) ||
    byNumber(clientShare(one), clientShare(other)) ||
    byNumber(methodRank(one), methodRank(other))
  );
}

/** An exact name, then wildcards, the longer first, then any. */
const hostRank = (host: string | null): number =>
  host === null ? 0 : host.startsWith('*.') ? host.length : 1000;

/** Infinity is no less than itself, and its difference no number. */
const byNumber = (one: number, other: number): number => Number(one > other) - Number(one < other);

const methodRank = ({ methods }: RouteMatch): number => methods?.length ?? Infinity;

/** The part of all addresses: fewer are more specific. */
function clientShare({ clients }: RouteMatch): number {
  if (clients === null) return Infinity;
  const share = (range: string) => 2 ** -Number(range.split('/')[1] ?? 128);
  return [...new Set(clients)].reduce((sum, range) => sum + share(range), 0);
}

function comparePaths(one: RouteMatch['path'], other: RouteMatch['path']): number {
  return kindRank(one) - kindRank(other) || compareSegments(segmentsOf(one), segmentsOf(other));
}

/** A path without parameters, with some, a pattern, a path with all below it. */
function kindRank(path: RouteMatch['path']): number {
  if (typeof path !== 'string') return 2;
  const { segments, below } = parseTemplate(path);
  return below ? 3 : segments.includes(null) ? 1 : 0;
}

function segmentsOf(path: RouteMatch['path']): readonly (string | null)[] {
  return typeof path === 'string'
    ? parseTemplate(path).segments
    : wholeSegments(new LinearPattern(path.pattern).prefix);
}

/** The longer first; of one length the one whose text goes on further from the left. */
function compareSegments(one: readonly (string | null)[], other: readonly (string | null)[]): number {
  if (one.length !== other.length) return other.length - one.length;
  for (const [i, segment] of one.entries()) {
    const difference = Number(segment === null) - Number(other[i] === null);
    if (difference !== 0) return difference;
  }
  return 0;
}

const conditionRank = ({ conditions }: RouteMatch): number =>
  conditions.reduce((sum, { test }) => sum + testRank(test), 0);

function testRank(test: ConditionTest): number {
  if ('present' in test) return test.present ? 1 : 4;
  return 'is' in test ? 4 : 'prefix' in test ? 3 : 2;
}
