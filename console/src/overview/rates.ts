import type { LiveFigures } from '../api/shapes.ts';

export type LiveGroup = 'route' | 'target' | 'project' | 'team';

/** What passed in some seconds, of one group or of all. Latencies in milliseconds; null: nothing is known. */
export interface Rates {
  readonly name: string;
  readonly perSecond: number;
  readonly failedPerSecond: number;
  readonly refusedPerSecond: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly tokensPerSecond: number;
  /** Nano-units for an hour, by currency. */
  readonly costPerHour: Readonly<Record<string, number>>;
}

const failures = ['upstream_error', 'timeout', 'gateway_crash'];

class Sum {
  seconds = 0;
  requests = 0;
  failed = 0;
  refused = 0;
  tokens = 0;
  readonly cost: Record<string, number> = {};
  readonly buckets: number[] = [];

  outcomes(counts: Readonly<Record<string, number>>): void {
    for (const [outcome, count] of Object.entries(counts)) {
      this.requests += count;
      if (failures.includes(outcome)) this.failed += count;
      if (outcome === 'refused') this.refused += count;
    }
  }

  results(counts: Readonly<Record<string, number>>): void {
    for (const [result, count] of Object.entries(counts)) {
      this.requests += count;
      if (result !== 'ok') this.failed += count;
    }
  }

  latency(counts: readonly number[]): void {
    for (const [i, count] of counts.entries()) this.buckets[i] = (this.buckets[i] ?? 0) + count;
  }

  used({ tokens, costNano }: LiveFigures['usage'][number]): void {
    for (const count of Object.values(tokens)) this.tokens += count;
    for (const [currency, nano] of Object.entries(costNano))
      this.cost[currency] = (this.cost[currency] ?? 0) + nano;
  }

  rates(name: string, { seconds, bounds }: { seconds: number; bounds: readonly number[] }): Rates {
    const per = (count: number) => (seconds > 0 ? count / seconds : 0);
    return {
      name,
      perSecond: per(this.requests),
      failedPerSecond: per(this.failed),
      refusedPerSecond: per(this.refused),
      p50Ms: quantile(this.buckets, { part: 0.5, bounds }),
      p95Ms: quantile(this.buckets, { part: 0.95, bounds }),
      tokensPerSecond: per(this.tokens),
      costPerHour: Object.fromEntries(
        Object.entries(this.cost).map(([name, nano]) => [name, per(nano) * 3600]),
      ),
    };
  }
}

/** Of everything. */
export function ratesOf(seconds: readonly LiveFigures[]): Rates {
  const sum = new Sum();
  for (const figures of seconds) {
    for (const { outcomes, durations } of figures.routes) {
      sum.outcomes(outcomes);
      sum.latency(durations);
    }
    for (const row of figures.usage) sum.used(row);
  }
  return sum.rates('', scaleOf(seconds));
}

/** Group by group, the busiest first. */
export function ratesBy(group: LiveGroup, seconds: readonly LiveFigures[]): Rates[] {
  const sums = new Map<string, Sum>();
  const of = (name: string): Sum => {
    const sum = sums.get(name) ?? new Sum();
    sums.set(name, sum);
    return sum;
  };
  for (const figures of seconds) {
    if (group === 'route')
      for (const { route, outcomes, durations } of figures.routes) {
        of(route).outcomes(outcomes);
        of(route).latency(durations);
      }
    if (group === 'target')
      for (const { provider, model, results, firstContent } of figures.targets) {
        const name = model === '' ? provider : `${provider}/${model}`;
        of(name).results(results);
        of(name).latency(firstContent);
      }
    if (group !== 'route')
      for (const row of figures.usage)
        of(group === 'target' ? `${row.provider}/${row.model}` : row[group]).used(row);
  }
  const scale = scaleOf(seconds);
  return [...sums]
    .map(([name, sum]) => sum.rates(name, scale))
    .sort((a, b) => b.perSecond - a.perSecond || b.tokensPerSecond - a.tokensPerSecond);
}

const scaleOf = (seconds: readonly LiveFigures[]) => ({
  seconds: seconds.reduce((sum, { overMs }) => sum + overMs, 0) / 1000,
  bounds: seconds.at(-1)?.boundsSeconds ?? [],
});

/** In milliseconds, within a bucket by its share. */
function quantile(
  counts: readonly number[],
  { part, bounds }: { readonly part: number; readonly bounds: readonly number[] },
): number | null {
  let left = counts.reduce((sum, count) => sum + count, 0) * part;
  if (left === 0) return null;
  for (const [i, count] of counts.entries()) {
    const upper = bounds[i];
    if (upper === undefined) return null;
    const lower = bounds[i - 1] ?? 0;
    if (count > 0 && left <= count) return (lower + (upper - lower) * (left / count)) * 1000;
    left -= count;
  }
  return null;
}
