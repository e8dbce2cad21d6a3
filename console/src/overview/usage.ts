import type { UsageRow } from '../api/shapes.ts';
import type { Dimension, Figure, View } from './view.ts';

/** Sums of some days, of one member of a group. Money by currency. */
export interface Used {
  readonly name: string;
  readonly requests: number;
  readonly errors: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cost: Readonly<Record<string, bigint>>;
  /** By day. */
  readonly days: ReadonlyMap<string, number>;
}

/** What to ask the API for. */
export function usagePath({ by = 'team', only = {} }: View, days: readonly string[]): string {
  const query = new URLSearchParams({ by: `day,${by}`, from: days[0]!, to: days.at(-1)!, ...only });
  return `/v1/usage?${query.toString()}`;
}

/** Rows of days and currencies, put together by member; those with the most of the figure first. */
export function gather(rows: readonly UsageRow[], by: Dimension, show: Figure): Used[] {
  const members = [...Map.groupBy(rows, (row) => String(row[by] ?? ''))].map(([name, of]): Used => {
    const sum = (figure: 'requests' | 'errors' | 'inputTokens' | 'outputTokens') =>
      of.reduce((total, row) => total + row[figure], 0);
    const cost: Record<string, bigint> = {};
    for (const { currency, costNano } of of) cost[currency] = (cost[currency] ?? 0n) + BigInt(costNano);
    const days = new Map<string, number>();
    for (const row of of)
      if (row.day)
        days.set(
          row.day,
          (days.get(row.day) ?? 0) + (show === 'costNano' ? Number(row.costNano) : row[show]),
        );
    return {
      ...{ name, cost, days, requests: sum('requests'), errors: sum('errors') },
      ...{ inputTokens: sum('inputTokens'), outputTokens: sum('outputTokens') },
    };
  });
  return members.sort((a, b) => amountOf(b) - amountOf(a) || (a.name < b.name ? -1 : 1));
}

export const amountOf = ({ days }: Used): number => [...days.values()].reduce((sum, value) => sum + value, 0);

/** Where one looks further, once a member is chosen. */
export const within: Readonly<Record<Dimension, Dimension>> = {
  team: 'project',
  project: 'key',
  key: 'model',
  model: 'provider',
  provider: 'model',
  route: 'project',
  outcome: 'route',
};
