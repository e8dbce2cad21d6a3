import type { Measured, Stand, Subject } from '../stand.ts';
import type { Variant } from '../variants/variant.ts';

export interface Metric {
  /** In samples and in the JSON; names its unit. */
  readonly key: string;
  readonly title: string;
  readonly digits: number;
  /** How the table sets a variant against the reference: divided by it, or what it takes beyond it. */
  readonly against?: 'ratio' | 'difference';
}

/** One measurement: values by `Metric.key`; what a variant cannot have is undefined. */
export type Sample = Readonly<Record<string, number | undefined>>;

export interface Figure {
  readonly name: string;
  readonly title: string;
  readonly metrics: readonly Metric[];
  /** Starts processes of its own, which then need the whole warm-up each time. */
  readonly fresh: boolean;
  /** Whether it can be had of a variant. */
  applies(variant: Variant): boolean;
  /** Measures once. `subject` runs and stays. */
  measure(stand: Stand, subject: Subject, warmupSeconds: number): Promise<Sample>;
}

export const everywhere = (): boolean => true;
export const milliseconds = (us: number): number => us / 1000;

/** Metrics of what a gateway used, for every figure that loads it. */
export const usedMetrics: readonly Metric[] = [
  { key: 'coreShare', title: 'share of core', digits: 2 },
  { key: 'collectionShare', title: 'GC share', digits: 4 },
  { key: 'longestPauseMs', title: 'longest GC ms', digits: 1 },
  { key: 'loadCoreShare', title: 'load core', digits: 2 },
  { key: 'othersShare', title: 'others', digits: 2 },
];

/** Values of `usedMetrics`. */
export function sampleUse(measured: Measured): Sample {
  const { coreShare, loadCoreShare, othersShare, collectionShare, longestPauseSeconds } = measured;
  const longestPauseMs = longestPauseSeconds === undefined ? undefined : longestPauseSeconds * 1000;
  return { coreShare, loadCoreShare, othersShare, collectionShare, longestPauseMs };
}
