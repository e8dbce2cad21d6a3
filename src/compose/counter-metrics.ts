import type { RedisCounterStats } from '#storage/distributed/counters/redis-counter-store.ts';
import { gauge, type MetricJson } from '#observe/series.ts';

/** How a thread fares with counters that nodes share. */
export function counterMetrics(stats: RedisCounterStats): MetricJson[] {
  const now = (name: string, help: string, value: number) =>
    gauge({ name, help, aggregator: 'sum' }, [{ labels: {}, value }]);
  return [
    now(
      'sluice_counters_unavailable_threads',
      'Threads that cannot use the counters of limits.',
      stats.reason === null ? 0 : 1,
    ),
    now(
      'sluice_counters_queued',
      'Debits and settlements that the counters have not confirmed.',
      stats.queued,
    ),
    total('sluice_counters_round_trips_total', 'Writes to the store of counters.', stats.batches),
    total('sluice_counters_scripts_total', 'Scripts run in the store of counters.', stats.scripts),
    total('sluice_counters_timeouts_total', 'Calls that it did not answer in time.', stats.timeouts),
    total(
      'sluice_counters_losses_total',
      'Times that the counters could not be used any more.',
      stats.losses,
    ),
    total(
      'sluice_counters_dropped_total',
      'Debits and settlements that were given up; the counters are built anew then.',
      stats.dropped,
    ),
    total('sluice_counters_alone_total', 'Calls that a node admitted by itself.', stats.alone),
  ];
}

export const rebuildMetrics = (rebuilds: number): MetricJson[] => [
  total(
    'sluice_counters_rebuilds_total',
    'Times that this node built the counters from the ledger.',
    rebuilds,
  ),
];

function total(name: string, help: string, value: number): MetricJson {
  return { name, help, type: 'counter', aggregator: 'sum', values: [{ labels: {}, value }] };
}
