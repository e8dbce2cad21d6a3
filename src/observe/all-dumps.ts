import { gauge, type MetricJson, type MetricsDump } from './series.ts';

/** What only the main thread knows. */
export interface MainFigures {
  readonly version: string;
  readonly ledgerLagSegments: number;
  /** Configuration reloads by result, such as `accepted` and `refused`. */
  readonly certificates: readonly {
    readonly listener: string;
    readonly certificate: string;
    readonly secondsLeft: number;
  }[];
  readonly configReloads: Readonly<Record<string, number>>;
  readonly upstreams?: readonly MetricJson[];
}

/** The dumps of all threads, and what is of the process. */
export const allDumps = (dumps: readonly MetricsDump[], main: MainFigures): MetricsDump[] => [
  ...dumps,
  [...figuresOf(main), ...(main.upstreams ?? []), ...processFigures()],
];

function figuresOf(main: MainFigures): MetricJson[] {
  return [
    gauge({ name: 'sluice_build_info', help: 'Always 1; the labels tell what runs.', aggregator: 'first' }, [
      { labels: { version: main.version, node: process.version }, value: 1 },
    ]),
    gauge(
      {
        name: 'sluice_ledger_lag_segments',
        help: 'Sealed journal segments that the ledger has not taken in yet.',
        aggregator: 'max',
      },
      [{ labels: {}, value: main.ledgerLagSegments }],
    ),
    gauge(
      {
        name: 'sluice_certificate_expiry_seconds',
        help: 'Until the certificate expires; negative once it has.',
        aggregator: 'first',
      },
      main.certificates.map(({ listener, certificate, secondsLeft }) => ({
        labels: { listener, certificate },
        value: secondsLeft,
      })),
    ),
    {
      name: 'sluice_config_reloads_total',
      help: 'Reloads of the configuration.',
      type: 'counter',
      aggregator: 'sum',
      values: Object.entries(main.configReloads).map(([result, value]) => ({ labels: { result }, value })),
    },
  ];
}

/** Under the names that every Prometheus client uses. */
function processFigures(): MetricJson[] {
  const { user, system } = process.cpuUsage();
  const startedAtSeconds = (performance.timeOrigin || Date.now()) / 1000;
  return [
    {
      name: 'process_cpu_seconds_total',
      help: 'User and system CPU time.',
      type: 'counter',
      aggregator: 'sum',
      values: [{ labels: {}, value: (user + system) / 1e6 }],
    },
    gauge({ name: 'process_resident_memory_bytes', help: 'Resident memory.', aggregator: 'first' }, [
      { labels: {}, value: process.memoryUsage.rss() },
    ]),
    gauge(
      {
        name: 'process_start_time_seconds',
        help: 'Start of the process, in seconds since the epoch.',
        aggregator: 'first',
      },
      [{ labels: {}, value: startedAtSeconds }],
    ),
  ];
}
