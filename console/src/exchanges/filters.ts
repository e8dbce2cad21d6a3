export const filterNames = [
  'project',
  'team',
  'key',
  'model',
  'provider',
  'route',
  'outcome',
  'trace',
] as const;

/** As the admin API takes them, and as they stand in the address. */
export type Filters = Partial<Record<(typeof filterNames)[number], string>>;

export function readFilters(search: Record<string, unknown>): Filters {
  const given = filterNames.flatMap((name) => {
    const value = search[name];
    return value === undefined || value === '' ? [] : [[name, String(value)] as const];
  });
  return Object.fromEntries(given);
}

export const outcomes = [
  'completed',
  'client_gone',
  'upstream_error',
  'timeout',
  'guardrail_cut',
  'budget_cut',
  'refused',
  'cache_hit',
  'gateway_crash',
] as const;
