import type { Calibration } from '#core/calibration.ts';
import type { PoolControl } from '#core/contracts/pool-control.ts';
import type { ListenerPlan } from '#core/listener.ts';
import type { EventDispatcher } from '#events/index.ts';
import type { Ledger } from '#ledger/store/start-ledger.ts';
import { allDumps } from '#observe/all-dumps.ts';
import type { MetricsDump } from '#observe/series.ts';
import type { SecretStore } from '#secrets/secret-store.ts';
import { calibrationMetrics } from './calibration-metrics.ts';
import { webhookMetrics } from './event-control.ts';
import type { OpenAudit } from './open-audit.ts';
import { secretMetrics } from './open-secrets.ts';
import { poolMetrics } from './pool-metrics.ts';
import type { Reloader } from './reloader.ts';
import type { TelemetryHub } from './telemetry-hub.ts';
import type { UpstreamWatch } from './upstream-watch.ts';
import type { CounterWatch } from './watch-counters.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface MetricSources {
  readonly version: string;
  readonly pool: Pick<WorkerPool, 'metrics'>;
  readonly ledger: Pick<Ledger, 'lagSegments'>;
  readonly pools: Pick<PoolControl, 'read'>;
  readonly calibration: Pick<Calibration, 'rows'>;
  readonly reloader: Pick<Reloader, 'counts' | 'current'>;
  readonly watch: Pick<UpstreamWatch, 'metrics'>;
  readonly dispatcher: EventDispatcher;
  readonly audit: Pick<OpenAudit, 'metrics'>;
  readonly telemetry: Pick<TelemetryHub, 'metrics'>;
  readonly secrets: Pick<SecretStore, 'counts'>;
  readonly counterWatch: Pick<CounterWatch, 'metrics'>;
}

/** What all threads, this one among them, have counted until now. */
export async function gatherMetrics(sources: MetricSources): Promise<MetricsDump[]> {
  const { version, pool, ledger, reloader } = sources;
  return allDumps((await pool.metrics()) as MetricsDump[], {
    version,
    ledgerLagSegments: ledger.lagSegments(),
    configReloads: reloader.counts,
    certificates: certificatesOf(reloader.current.snapshot.listen),
    upstreams: [
      ...sources.watch.metrics(),
      ...poolMetrics(sources.pools.read()),
      ...calibrationMetrics(sources.calibration.rows()),
      ...sources.counterWatch.metrics(),
      ...webhookMetrics(sources.dispatcher),
      ...sources.audit.metrics(),
      ...sources.telemetry.metrics(),
      ...secretMetrics(sources.secrets),
    ],
  });
}

function certificatesOf(listeners: readonly ListenerPlan[]) {
  return listeners.flatMap(({ id, tls }) =>
    (tls?.certificates ?? []).map(({ names, notAfterMs }) => ({
      listener: id,
      certificate: names[0] ?? '',
      secondsLeft: Math.floor((notAfterMs - Date.now()) / 1000),
    })),
  );
}
