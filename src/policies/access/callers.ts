import type { Consumer } from '#core/consumer.ts';
import type { Exchange } from '#core/exchange.ts';
import { matchesAny } from '#core/name-pattern.ts';
import type { CallerList } from './schema.ts';

/** Does any line of a list name the caller? */
export function isAmong(list: CallerList, { claims }: Exchange, consumer: Consumer): boolean {
  const { consumers, groups, projects, teams } = list;
  return (
    // Not by a credential's own name, which whoever makes one may choose.
    (consumers !== undefined &&
      consumer.consumer !== undefined &&
      matchesAny(consumers, consumer.consumer)) ||
    (groups !== undefined && consumer.groups.some((group) => matchesAny(groups, group))) ||
    (projects !== undefined && matchesAny(projects, consumer.project)) ||
    (teams !== undefined && matchesAny(teams, consumer.team)) ||
    Object.entries(list.claims ?? {}).some(([name, values]) => hasClaim(claims?.[name], values))
  );
}

/** A list, such as that of scopes, is a text of words: any of them may be the one. */
const hasClaim = (claim: string | undefined, values: readonly string[]): boolean =>
  claim !== undefined && [claim, ...claim.split(' ')].some((word) => matchesAny(values, word));

export const tellCallers = (list: CallerList): string =>
  Object.entries(list)
    .map(
      ([kind, names]) => `${kind} ${Array.isArray(names) ? names.join(', ') : Object.keys(names).join(', ')}`,
    )
    .join(' or ');
