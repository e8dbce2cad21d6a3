export const dimensions = ['team', 'project', 'key', 'model', 'provider', 'route', 'outcome'] as const;
export type Dimension = (typeof dimensions)[number];
export const figures = ['requests', 'errors', 'inputTokens', 'outputTokens', 'costNano'] as const;
export type Figure = (typeof figures)[number];
export const narrowing = ['team', 'project', 'key', 'model', 'provider', 'route'] as const;
export type Narrowing = (typeof narrowing)[number];

/** What the overview shows, as it stands in the address: so that it can be sent to somebody. */
export interface View {
  /** Days until today; `from` and `to` come before it. */
  readonly days?: number;
  /** First and last day (UTC), as `2026-11-30`. */
  readonly from?: string;
  readonly to?: string;
  readonly by?: Dimension;
  readonly show?: Figure;
  readonly only?: Partial<Record<Narrowing, string>>;
}

export function readView(search: Record<string, unknown>): View {
  const dayOf = (value: unknown) => (/^\d{4}-\d\d-\d\d$/.test(String(value)) ? String(value) : undefined);
  const days = Number(search['days']);
  const only = (search['only'] ?? {}) as Record<string, unknown>;
  const given = narrowing.flatMap((name) =>
    only[name] === undefined ? [] : [[name, String(only[name])] as const],
  );
  const view = {
    days: Number.isInteger(days) && days > 0 && days <= 366 ? days : undefined,
    from: dayOf(search['from']),
    to: dayOf(search['to']),
    by: dimensions.find((name) => name === search['by']),
    show: figures.find((name) => name === search['show']),
    only: given.length ? (Object.fromEntries(given) as View['only']) : undefined,
  };
  return Object.fromEntries(Object.entries(view).filter(([, value]) => value !== undefined));
}

const dayMs = 86_400_000;
const textOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);

/** All days that are shown, the first first. */
export function daysOf({ days = 7, from, to }: View, nowMs = Date.now()): string[] {
  const last = Date.parse(to ?? textOf(nowMs));
  const first = from === undefined ? last - (days - 1) * dayMs : Date.parse(from);
  const count = Math.min(400, Math.max(1, Math.round((last - first) / dayMs) + 1));
  return Array.from({ length: count }, (_, i) => textOf(first + i * dayMs));
}
