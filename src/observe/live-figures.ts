import type { LiveFigures } from '#core/live-figures.ts';
import type { MetricJson, MetricsDump } from './series.ts';

type Value = MetricJson['values'][number];

interface Row<Names> {
  readonly names: Names;
  readonly counts: Record<string, number>;
  readonly more: Record<string, number>;
  /** Cumulative, by upper bound. */
  readonly buckets: Map<number, number>;
}

/** Rows by the labels that name them, as they are met. */
class Rows<Name extends string> {
  readonly #names: readonly Name[];
  readonly #rows = new Map<string, Row<Record<Name, string>>>();

  constructor(...names: readonly Name[]) {
    this.#names = names;
  }

  of({ labels }: Value): Row<Record<Name, string>> {
    const values = this.#names.map((name) => String(labels[name] ?? ''));
    const key = JSON.stringify(values);
    let row = this.#rows.get(key);
    if (!row) {
      const names = Object.fromEntries(this.#names.map((name, i) => [name, values[i]])) as Record<
        Name,
        string
      >;
      // Names of callers' models may be those of members that every object has.
      const empty = () => Object.create(null) as Record<string, number>;
      this.#rows.set(key, (row = { names, counts: empty(), more: empty(), buckets: new Map() }));
    }
    return row;
  }

  map<T>(view: (row: Row<Record<Name, string>>) => T): T[] {
    return Array.from(this.#rows.values(), view);
  }
}

/** What the threads' dumps say to somebody who watches. `teamOf`: of a project; null: there is none. */
export function readLive(
  dumps: readonly MetricsDump[],
  { atMs, teamOf }: { readonly atMs: number; teamOf(project: string): string | null },
): LiveFigures {
  const valuesOf = (name: string): Value[] =>
    dumps.flatMap((dump) => dump.filter((family) => family.name === name).flatMap(({ values }) => values));
  const sumOf = (name: string) => valuesOf(name).reduce((sum, { value }) => sum + value, 0);

  const routes = new Rows('route');
  for (const value of valuesOf('sluice_requests_total')) add(routes.of(value).counts, value, 'outcome');
  const durations = valuesOf('sluice_request_duration_seconds');
  for (const value of durations) addBucket(routes.of(value).buckets, value);

  const targets = new Rows('provider', 'model');
  for (const value of valuesOf('sluice_attempts_total')) add(targets.of(value).counts, value, 'result');
  for (const value of valuesOf('sluice_time_to_first_content_seconds'))
    addBucket(targets.of(value).buckets, value);

  const usage = new Rows('project', 'provider', 'model');
  for (const value of valuesOf('sluice_tokens_total')) add(usage.of(value).counts, value, 'class');
  for (const value of valuesOf('sluice_cost_nano_total')) add(usage.of(value).more, value, 'currency');

  const boundsSeconds = boundsOf(durations);
  const buckets = (cumulative: ReadonlyMap<number, number>): number[] => {
    const counts = [...boundsSeconds, Infinity].map((bound) => cumulative.get(bound) ?? 0);
    return counts.map((count, i) => count - (counts[i - 1] ?? 0));
  };
  return {
    ...{ atMs, overMs: null, boundsSeconds },
    openStreams: sumOf('sluice_open_streams'),
    connections: sumOf('sluice_client_connections'),
    routes: routes.map((row) => ({
      route: row.names.route,
      outcomes: row.counts,
      durations: buckets(row.buckets),
    })),
    targets: targets.map((row) => ({
      ...row.names,
      results: row.counts,
      firstContent: buckets(row.buckets),
    })),
    usage: usage.map(({ names, counts, more }) => ({
      ...{ project: names.project, team: teamOf(names.project) ?? '' },
      ...{ provider: names.provider, model: names.model, tokens: counts, costNano: more },
    })),
  };
}

function add(counts: Record<string, number>, { labels, value }: Value, by: string): void {
  const name = String(labels[by] ?? '');
  counts[name] = (counts[name] ?? 0) + value;
}

/** All histograms here have the same bounds. */
function boundsOf(values: readonly Value[]): number[] {
  const bounds = values.flatMap(({ labels }) => (labels['le'] === undefined ? [] : [boundOf(labels['le'])]));
  return [...new Set(bounds)].filter((bound) => bound !== Infinity).sort((a, b) => a - b);
}

const boundOf = (le: string | number): number => (le === '+Inf' ? Infinity : Number(le));

function addBucket(buckets: Map<number, number>, { labels, value }: Value): void {
  if (labels['le'] === undefined) return;
  const bound = boundOf(labels['le']);
  buckets.set(bound, (buckets.get(bound) ?? 0) + value);
}
