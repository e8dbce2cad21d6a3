import { BlockList, isIP } from 'node:net';
import { LinearPattern } from '#core/linear-pattern.ts';
import { parseTemplate, wholeSegments, type PathTemplate } from '#core/path-template.ts';
import type { ConditionTest, HeadCondition, RouteMatch } from '#core/snapshot.ts';

/** Does one match surely take every request whose head the other takes? Where it cannot be told, it does not. */
export function covers(one: RouteMatch, other: RouteMatch): boolean {
  const { methods } = other;
  if (one.methods !== null && !methods?.every((method) => one.methods!.includes(method))) return false;
  return (
    coversHost(one.host, other.host) &&
    coversPath(one.path, other.path) &&
    one.conditions.every((needed) => other.conditions.some((given) => implies(given, needed))) &&
    coversClients(one.clients, other.clients)
  );
}

/** The template every path of the match fits in. */
export function templateAround(path: RouteMatch['path']): PathTemplate {
  if (typeof path === 'string') return parseTemplate(path);
  try {
    return { segments: wholeSegments(new LinearPattern(path.pattern).prefix), below: true };
  } catch {
    return { segments: [], below: true };
  }
}

function coversHost(one: string | null, other: string | null): boolean {
  if (one === null || one === other) return true;
  return (
    other !== null &&
    one.startsWith('*.') &&
    other.replace(/^\*/, '').endsWith(one.slice(1)) &&
    other !== one.slice(2)
  );
}

function coversPath(one: RouteMatch['path'], other: RouteMatch['path']): boolean {
  if (typeof one !== 'string') return typeof other !== 'string' && one.pattern === other.pattern;
  const wide = parseTemplate(one);
  const narrow = templateAround(other);
  if (wide.below ? narrow.segments.length < wide.segments.length : narrow.below) return false;
  if (!wide.below && narrow.segments.length !== wide.segments.length) return false;
  return wide.segments.every((segment, i) =>
    segment === null ? narrow.segments[i] !== '' : segment === narrow.segments[i],
  );
}

/** Values are a condition's only where they stand once, and that is unclear, and so taken, for both alike. */
function implies(given: HeadCondition, needed: HeadCondition): boolean {
  return given.part === needed.part && given.name === needed.name && impliesTest(given.test, needed.test);
}

function impliesTest(given: ConditionTest, needed: ConditionTest): boolean {
  if ('present' in needed) return 'present' in given ? given.present === needed.present : needed.present;
  if ('present' in given) return false;
  if ('pattern' in needed) return 'pattern' in given && given.pattern === needed.pattern;
  if ('is' in needed) return 'is' in given && given.is === needed.is;
  return (
    ('is' in given && given.is.startsWith(needed.prefix)) ||
    ('prefix' in given && given.prefix.startsWith(needed.prefix))
  );
}

/** A range is taken where it is written alike, an address where it is within a range. */
function coversClients(one: readonly string[] | null, other: readonly string[] | null): boolean {
  if (one === null) return true;
  return (
    other !== null &&
    other.every((range) =>
      one.some((wide) => wide === range || (!range.includes('/') && isWithin(range, wide))),
    )
  );
}

function isWithin(address: string, range: string): boolean {
  const [base, prefix] = range.split('/');
  if (prefix === undefined || isIP(base!) === 0 || isIP(address) !== isIP(base!)) return false;
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  const most = family === 'ipv6' ? 128 : 32;
  if (!/^\d+$/.test(prefix) || Number(prefix) > most) return false;
  const list = new BlockList();
  list.addSubnet(base!, Number(prefix), family);
  return list.check(address, family);
}
