import type {
  ConfigControl,
  ControlPlane,
  EdgeControl,
  KeyView,
  NodeControl,
} from '#core/contracts/control-plane.ts';
import type { AccessControl } from '#core/contracts/access-control.ts';
import type { EventRecord, Events } from '#core/contracts/events.ts';
import type { EventDispatcher } from '#events/index.ts';
import type { PoolControl } from '#core/contracts/pool-control.ts';
import { ControlError } from '#core/contracts/control-plane.ts';
import type { KeyDelta, KeyRecord } from '#core/key.ts';
import type { Ledger } from '#ledger/store/start-ledger.ts';
import { contentTypeOf, formatWanted, renderExposition } from '#observe/exposition.ts';
import { readLive } from '#observe/live-figures.ts';
import type { MetricsDump } from '#observe/series.ts';
import type { SecretStore } from '#secrets/secret-store.ts';
import type { KeyMaster } from '#storage/key-master.ts';
import { createEventControl } from './event-control.ts';
import { gatherMetrics } from './gateway-metrics.ts';
import { rerateLedger } from './rerate-ledger.ts';
import type { Calibration } from '#core/calibration.ts';
import type { OpenAudit } from './open-audit.ts';
import { listenerAddress } from './listener-address.ts';
import { createLiveSampler } from './live-sampler.ts';
import { explainRequest } from './explain-request.ts';
import { summaryOf } from './receipt-summary.ts';
import { createResourceControl } from './resource-control.ts';
import type { Reloader } from './reloader.ts';
import { systemClock } from './system-clock.ts';
import type { TelemetryHub } from './telemetry-hub.ts';
import type { UpstreamWatch } from './upstream-watch.ts';
import type { CounterWatch } from './watch-counters.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface ControlPlaneParts {
  readonly version: string;
  readonly nodeId: string;
  readonly startedAtMs: number;
  readonly pool: WorkerPool;
  readonly ledger: Ledger;
  readonly keys: KeyMaster;
  readonly pools: PoolControl;
  readonly calibration: Pick<Calibration, 'rows'>;
  readonly reloader: Reloader;
  readonly config: ConfigControl;
  readonly nodes: NodeControl;
  readonly edges: EdgeControl;
  readonly access: AccessControl;
  /** Resolves when every thread acts upon it. */
  publishKeys(delta: KeyDelta): Promise<void>;
  /** Why the configuration's master cannot be asked; null: it can. */
  unreachable(): string | null;
  readonly watch: UpstreamWatch;
  readonly dispatcher: EventDispatcher;
  readonly audit: Pick<OpenAudit, 'control' | 'metrics'>;
  readonly telemetry: Pick<TelemetryHub, 'metrics' | 'readBy'>;
  readonly secrets: Pick<SecretStore, 'counts'>;
  readonly events: Events;
  readonly counterWatch: CounterWatch;
  /** Set while the gateway is ending. */
  isDraining(): boolean;
}

/** What the admin API may ask, answered from the parts that know. */
export function createControlPlane(parts: ControlPlaneParts): ControlPlane {
  const { pool, ledger, keys, reloader } = parts;
  parts.telemetry.readBy(() => gatherMetrics(parts));
  const teamOf = (project: string): string | null => {
    const { projects } = reloader.current.snapshot;
    // `constructor` is no project, though every object has one.
    return Object.hasOwn(projects, project) ? projects[project]!.team : null;
  };
  return {
    status() {
      const { snapshot } = reloader.current;
      const { master, storedVersion } = parts.config.read();
      const reasons = [
        ...pool.complaints(),
        ...parts.watch.complaints(),
        ...parts.counterWatch.complaints(),
        ...(reloader.current.shared?.version === 0
          ? ['there is no configuration yet: sluice apply FILE']
          : []),
        ...(parts.isDraining() ? ['shutting down'] : []),
      ];
      return {
        version: parts.version,
        nodeId: parts.nodeId,
        node: process.version,
        startedAtMs: parts.startedAtMs,
        ready: reasons.length === 0,
        reasons,
        snapshotVersion: snapshot.version,
        configDigest: snapshot.digest,
        configuration: {
          master,
          storedVersion,
          refused: reloader.refused,
          unreachable: parts.unreachable(),
        },
        listen: snapshot.listen.map((each, i) => listenerAddress(each, pool.ports[i]!)).join(', '),
        workers: pool.status(),
        ledger: { lagSegments: ledger.lagSegments() },
      };
    },
    async metrics(accept) {
      const format = formatWanted(accept);
      const text = renderExposition(await gatherMetrics(parts), format);
      return { contentType: contentTypeOf(format), text };
    },
    live: createLiveSampler(
      async () => readLive((await pool.metrics()) as MetricsDump[], { atMs: systemClock.nowMs(), teamOf }),
      systemClock,
    ),
    discovery: () => parts.watch.reports(),
    calibration: () => parts.calibration.rows(),
    upstreams: {
      list: () => parts.pools.read(),
      drain({ group, member, drained }) {
        if (!parts.pools.setDrained(group, member, drained))
          throw new ControlError(404, `There is no member "${member}" in the group "${group}".`);
      },
    },
    teamOf,
    keys: {
      list: () => keys.list() as KeyView[],
      async create(wish) {
        const team = teamOf(wish.project);
        if (team === null) throw new ControlError(400, `There is no project "${wish.project}".`);
        const { key, secret, delta } = await keys.create({ ...wish, team });
        parts.events.emit(keyEvent('key.created', key));
        if (delta) await parts.publishKeys(delta);
        return { key, secret };
      },
      async change(id, change) {
        const { key, deltas } = await keys.change(id, change);
        for (const delta of deltas) await parts.publishKeys(delta);
        return key;
      },
      async rotate(id, overlapMs) {
        const { key, secret, deltas } = await keys.rotate(id, overlapMs);
        for (const delta of deltas) await parts.publishKeys(delta);
        return { key, secret };
      },
      async revoke(id) {
        const key = keys.list().find((known) => known.id === id);
        const deltas = await keys.revoke(id);
        if (key) parts.events.emit(keyEvent('key.revoked', key));
        for (const delta of deltas) await parts.publishKeys(delta);
      },
    },
    config: parts.config,
    resources: createResourceControl(reloader, parts.config),
    nodes: parts.nodes,
    edges: parts.edges,
    access: parts.access,
    events: createEventControl(parts.dispatcher, ledger.outbox),
    audit: parts.audit.control,
    explain: (request) => explainRequest(reloader.current.snapshot, request),
    async usage(query) {
      const rows = await answered(
        ledger.usage({
          groupBy: query.by,
          ...(query.fromMs === null ? {} : { fromDay: dayOf(query.fromMs) }),
          ...(query.toMs === null ? {} : { toDay: dayOf(query.toMs) }),
          where: {
            ...(query.project === null ? {} : { project: query.project }),
            ...(query.service ? { service: query.service } : {}),
            ...(query.teams ? { team: query.teams } : {}),
            ...query.only,
          },
          ...(query.traceId ? { traceId: query.traceId } : {}),
        }),
      );
      return rows.map(({ group, costNano, priceNano, ...row }) => ({
        ...group,
        ...row,
        costNano: costNano.toString(),
        priceNano: priceNano.toString(),
      }));
    },
    rerate: (wish) => rerateLedger(ledger, reloader.current.snapshot, wish),
    async receipt(id) {
      const receipt = await answered(ledger.receipt(id));
      return receipt ? (JSON.parse(JSON.stringify(receipt, bigintsAsText)) as Record<string, unknown>) : null;
    },
    async receipts({ where, fromMs, toMs, traceId, ...page }) {
      const query = {
        where,
        fromMs: fromMs ?? undefined,
        toMs: toMs ?? undefined,
        traceId: traceId ?? undefined,
      };
      const { receipts, next } = await answered(ledger.latest(query, page));
      return { receipts: receipts.map(summaryOf), next };
    },
    async verify() {
      await ledger.flush();
      const { receipts, attempts, findings } = await ledger.verify();
      return {
        clean: findings.length === 0,
        findings: findings.map((f) => `${f.check}: ${f.subject}: expected ${f.expected}, found ${f.found}`),
        checked: { receipts, attempts },
      };
    },
  };
}

function keyEvent(type: 'key.created' | 'key.revoked', key: Omit<KeyRecord, 'sha256'>): EventRecord {
  const { id, name, project, team } = key;
  const data = { key: id, name, project, team };
  return { id: `${type}/${id}`, type, subject: `project:${project}`, atMs: Date.now(), data };
}

/** A question that makes no sense is the asker's mistake; any other failure is the database's. */
function answered<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: Error) => {
    throw new ControlError(error instanceof RangeError ? 400 : 503, error.message);
  });
}

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
const bigintsAsText = (_key: string, value: unknown) =>
  typeof value === 'bigint' ? value.toString() : value;
