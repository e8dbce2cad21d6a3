import type { Figure, Metric, Sample } from './figures/figure.ts';

/** Samples of one figure, one a round, by variant. */
export type Results = ReadonlyMap<Figure, ReadonlyMap<string, readonly Sample[]>>;

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Median and range; undefined when there is nothing to summarise. */
export function summarise(values: readonly (number | undefined)[]): Spread | undefined {
  const sorted = values
    .filter((value) => value !== undefined && Number.isFinite(value))
    .toSorted((a, b) => a! - b!) as number[];
  if (sorted.length === 0) return undefined;
  const middle = sorted.length / 2;
  const median =
    sorted.length % 2 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, least: sorted[0]!, most: sorted.at(-1)! };
}

/** A variant against another, round by round: what changed between rounds for both does not count. */
export function compare(
  metric: Pick<Metric, 'key' | 'against'>,
  samples: readonly Sample[] | undefined,
  reference: readonly Sample[] | undefined,
): Spread | undefined {
  if (!samples || !reference) return undefined;
  return summarise(
    samples.map((sample, round) => {
      const own = sample[metric.key];
      const other = reference[round]?.[metric.key];
      if (own === undefined || other === undefined) return undefined;
      return metric.against === 'difference' ? own - other : own / other;
    }),
  );
}

/** What everything is compared with: the variant every machine can have, else none at all. */
export function chooseReference(variants: readonly string[]): string | undefined {
  return ['nginx', 'direct', 'sluice-open', 'nginx-cache'].find((name) => variants.includes(name));
}
