export const dimensions = [
  'key',
  'project',
  'team',
  'model',
  'provider',
  'day',
  'route',
  'outcome',
  'service',
] as const;
export type Dimension = (typeof dimensions)[number];

export interface RollUp {
  readonly table: string;
  readonly dimensions: readonly Dimension[];
}

/** Running sums, the smallest first: a question is answered by the first that has all its dimensions. */
export const rollUps: readonly RollUp[] = [
  { table: 'usage_by_team', dimensions: ['day', 'project', 'team', 'model', 'provider'] },
  {
    table: 'counters',
    dimensions: ['day', 'key', 'project', 'team', 'model', 'provider', 'route', 'outcome'],
  },
  // Callers name themselves in a header, so the name is not one of the dimensions that multiply all others. A receipt
  // without one is not in it.
  { table: 'usage_by_service', dimensions: ['day', 'project', 'team', 'service', 'model', 'provider'] },
];

/** @throws RangeError for dimensions that are unknown, or that no sum has together. */
export function rollUpFor(names: readonly string[]): RollUp {
  const unknown = names.find((name) => !dimensions.some((known) => known === name));
  if (unknown !== undefined)
    throw new RangeError(`expected one of ${dimensions.join(', ')}, got "${unknown}"`);
  const found = rollUps.find((rollUp) =>
    names.every((name) => rollUp.dimensions.some((own) => own === name)),
  );
  if (found) return found;
  const { dimensions: together } = rollUps.at(-1)!;
  throw new RangeError(`service is summed up with ${together.join(', ')} only, not with ${names.join(', ')}`);
}
