/**
 * The control plane, on the main thread: configuration, keys, ledger, admin API, and the threads that carry traffic.
 * This file puts the parts together in the one order that is safe: own the state, settle the past, then listen.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startAdmin, startProbes, type Admin } from '#admin/index.ts';
import { createCalibrationMemory, openCalibration } from '#core/calibration.ts';
import { parseBooked } from '#core/booked-window.ts';
import type { KeyDelta } from '#core/key.ts';
import type { Snapshot } from '#core/snapshot.ts';
import { createPoolControl, createPoolMemory } from '#balance/index.ts';
import { EventDispatcher } from '#events/index.ts';
import { Outbox } from '#nodes/outbox.ts';
import { createUpstream } from '#transport/upstream/index.ts';
import { startLedger } from '#ledger/store/start-ledger.ts';
import { journalEvents } from '#ledger/journal/journal-events.ts';
import { openJournal } from '#ledger/journal/open-journal.ts';
import { openTokenService } from '#ledger/tokens/token-service.ts';
import { openCacheService } from '#storage/embedded/cache/cache-service.ts';
import { cacheSecret } from '#storage/embedded/cache/cache-secret.ts';
import { openCounterStore } from '#storage/embedded/counters/counter-store.ts';
import { createCounterMemory } from '#storage/embedded/counters/layout.ts';
import { recoverOwner, releaseOwner } from '#storage/embedded/counters/recovery.ts';
import { openKeeperService } from '#storage/embedded/keeper/keeper-service.ts';
import { openSharedKeys } from '#storage/distributed/shared-keys.ts';
import type { KeyMaster } from '#storage/key-master.ts';
import { MasterKey } from '#storage/embedded/master-key.ts';
import { openKeyStore } from '#storage/embedded/key-store.ts';
import { joinKeys } from '#storage/embedded/joined-keys.ts';
import { openNodeIdentity } from '#storage/embedded/node-identity.ts';
import { acquireStateLock, probePorts } from '#storage/embedded/state-lock.ts';
import { openTokenDirectory } from '#storage/records/token-directory.ts';
import { createAccessControl } from './compose/access-control.ts';
import { reloadEntry } from './compose/audit-reload.ts';
import { renderBanner } from './compose/banner.ts';
import type { ConfigSource, JoinAddress, Overrides } from './compose/configuration.ts';
import { createConfigControl } from './compose/config-control.ts';
import { EdgeNode } from './compose/edge-node.ts';
import { followCluster } from './compose/follow-cluster.ts';
import { keepLastGood } from './compose/last-good.ts';
import { NodeDesk, edgeReportOf } from './compose/node-desk.ts';
import { openAudit } from './compose/open-audit.ts';
import { openConfiguration } from './compose/open-configuration.ts';
import { openSecrets } from './compose/open-secrets.ts';
import { openPriceSource } from './compose/price-source.ts';
import { certificateWarnings } from './compose/listeners-in-force.ts';
import { createControlPlane } from './compose/control-plane.ts';
import { localUrl } from './compose/listener-address.ts';
import { readVersion } from './compose/read-version.ts';
import { Reloader, type ReloaderParts } from './compose/reloader.ts';
import { rewrapState } from './compose/rewrap-state.ts';
import { originOf } from './compose/origin-of.ts';
import { queryAccount } from './compose/query-account.ts';
import { UpstreamWatch } from './compose/upstream-watch.ts';
import { WorkerPool } from './compose/worker-pool.ts';
import { systemClock } from './compose/system-clock.ts';
import { TelemetryHub } from './compose/telemetry-hub.ts';
import { watchCounters } from './compose/watch-counters.ts';

export interface StartOptions extends Overrides {
  /** Null: `sluice.yaml` is not looked for; the environment is the configuration. */
  readonly configPath: string | null;
  readonly env: NodeJS.ProcessEnv;
  /** Of the console's built files; absent: `dist/console`. */
  readonly consoleDirectory?: string;
  /** The control plane that this node takes its configuration from, as its edge. */
  readonly join?: JoinAddress | null;
}

export interface RunningGateway {
  /** What to tell a person who has started it. */
  readonly banner: string;
  /** Of the first listener. */
  readonly port: number;
  /** Of all, in their order. */
  readonly ports: readonly number[];
  readonly adminPort: number;
  /** Null: there is no listener for probes. */
  readonly probesPort: number | null;
  /** Drains and ends it. Resolves when everything is on record and nothing runs any more. */
  stop(): Promise<void>;
}

/** Owner number of the main thread in the counters' memory. */
const mainOwner = 1;

/**
 * Starts it. Whatever fails on the way, what was begun before is ended again: no thread, lock or port stays behind.
 * @throws ConfigError, or an Error that says what stands in the way.
 */
export async function startGateway(options: StartOptions): Promise<RunningGateway> {
  const begun = new AsyncDisposableStack();
  try {
    return await start(options, begun);
  } catch (error) {
    await begun.disposeAsync();
    throw error;
  }
}

async function start(options: StartOptions, begun: AsyncDisposableStack): Promise<RunningGateway> {
  const startedAtMs = Date.now();
  const prices = await openPriceSource();
  const say = (line: string) => process.stderr.write(`sluice: ${line}\n`);
  const probing = createUpstream({ clock: systemClock });
  begun.defer(() => probing.close());
  const secrets = openSecrets({ upstream: probing, say });
  begun.defer(() => secrets.close());
  const source: ConfigSource = { path: options.configPath, env: options.env, prices, secrets };
  const opened = await openConfiguration({ source, overrides: options, join: options.join ?? null, say });
  begun.defer(() => opened.records.close());
  const { first, versions, joined } = opened;
  const boot = startedAtMs.toString(36);
  const { snapshot, stateDirectory } = first;

  // 1. Own the state directory and the ports: nobody else serves from, or writes to, either.
  const journalDirectory = join(stateDirectory, 'journal');
  mkdirSync(journalDirectory, { recursive: true });
  const version = readVersion();
  const lock = acquireStateLock(stateDirectory, {
    listen: snapshot.listen.map(({ id }) => id).join(', '),
  });
  begun.defer(() => lock.release());
  const nodeId = openNodeIdentity(stateDirectory);
  await probePorts(snapshot.listen);
  for (const warning of certificateWarnings(snapshot.listen, startedAtMs)) say(warning);

  // 2. Settle the past: what dead processes left in their journals, and the windows it weighs on.
  const ledger = await startLedger({
    databasePath: join(stateDirectory, 'ledger.db'),
    journalDirectory,
    postgres: snapshot.storage.postgres && { server: snapshot.storage.postgres, node: nodeId },
    onError: (error) => say(`ledger: ${error.message}`),
  });
  begun.defer(() => ledger.close());
  const outbox = joined ? new Outbox(stateDirectory, journalDirectory) : null;
  outbox?.keepPast(boot);
  const recovered = await ledger.recover();
  if (recovered.crashed > 0)
    say(`${recovered.crashed} exchange(s) of a crashed process settled as gateway_crash`);
  const counters = createCounterMemory();
  const calibration = createCalibrationMemory();
  const store = openCounterStore(counters, { owner: mainOwner });
  const { redis, postgres } = snapshot.storage;
  const counterWatch = watchCounters({ redis, nodeId, ledger, clock: systemClock, say });
  begun.defer(() => counterWatch.close());
  await counterWatch.start();
  // Where counters are shared, a node's own are for its lease, and begin empty.
  if (redis === null && recovered.isDeferred)
    say('the ledger is away: limits that are counted here begin anew');
  else if (redis === null) {
    const booked = await ledger.windowsSince(Date.now());
    store.restore(booked.map((pane) => ({ ...pane, ...parseBooked(pane) })));
  }

  // 3. Keys and threads.
  const ofKeys = { directory: stateDirectory, env: options.env, fileKeys: first.keys };
  const joinedKeys = joined && joinKeys(openKeyStore({ ...ofKeys, firstKey: false }), joined.keys);
  const sharedKeys = postgres && !joined ? await openSharedKeys({ ...ofKeys, server: postgres, say }) : null;
  const keys: KeyMaster = joinedKeys ?? sharedKeys ?? openKeyStore(ofKeys);
  begun.defer(async () => keys.close());
  const tokens = openTokenService();
  begun.defer(() => tokens.close());
  const keeper = openKeeperService({ path: join(stateDirectory, 'kept.db'), postgres });
  begun.defer(() => keeper.close());
  const cache = openCacheService(join(stateDirectory, 'answers.db'));
  begun.defer(() => cache.close());
  const master = new MasterKey({ directory: stateDirectory, given: first.masterKeys });
  const answersSecret = cacheSecret(stateDirectory, { env: options.env, master });
  const rules = () => reloader.current.snapshot.audit;
  const audit = openAudit({ stateDirectory, master, upstream: probing, rules });
  begun.defer(() => audit.close());
  master.ensure();
  rewrapState(stateDirectory, master);
  let draining = false;
  const poolMemory = createPoolMemory({ workers: snapshot.threads + 1 });
  // The lane after the workers' is this thread's.
  const pools = createPoolControl(poolMemory, snapshot.threads, systemClock);
  const onSealed = (path: string) => {
    outbox?.keep(path);
    ledger.sealed(path);
    edge?.sealed();
  };
  const pool = new WorkerPool({
    count: snapshot.threads,
    ports: snapshot.listen.map(({ port }) => port),
    boot,
    journalDirectory,
    nodeId,
    counters,
    calibration,
    pools: poolMemory,
    openTokenPort: () => tokens.openPort(),
    openKeeperPort: () => keeper.openPort(),
    openCachePort: () => cache.openPort(),
    cacheSecret: answersSecret,
    openAuditPort: () => audit.openPort(),
    snapshot: () => watch.fill(reloader.current.snapshot),
    members: () => watch.changes(),
    keys: () => keys.reset(),
    onSealed,
    onUsage: (query) => queryAccount(ledger, query),
    onReport: (report) => telemetry.hear(report),
    async onDeath({ index, owner, incarnation, reason }) {
      say(`worker ${index} died and is replaced: ${reason}`);
      pools.recover(index);
      // What its exchanges only held, such as places among those at work, is free at once.
      for (const open of recoverOwner(counters, owner))
        if (open.kept.some((amount, i) => amount !== open.booked[i])) store.settle(open, open.kept);
      counterWatch.ended(incarnation);
      outbox?.keepDead(index, incarnation);
      // Its successor does not wait for the ledger, which may be away.
      ledger.adoptIncarnation(index, incarnation).catch((error: Error) => say(`ledger: ${error.message}`));
      edge?.sealed();
      releaseOwner(counters, owner);
    },
  });
  // What this thread has to tell stands in a journal of its own.
  const journal = openJournal({
    directory: journalDirectory,
    worker: snapshot.threads,
    incarnation: `${startedAtMs.toString(36)}.0`,
    onSealed,
  });
  begun.defer(() => journal.close());
  const events = journalEvents(journal, ({ id }, error) => say(`event ${id}: ${error.message}`));
  const watch = new UpstreamWatch({
    upstream: probing,
    pools,
    say,
    publish: (change) => pool.publishMembers(change),
  });
  begun.defer(() => watch.close());
  const dispatcher = new EventDispatcher({
    upstream: probing,
    outbox: ledger.outbox,
    locate: ({ url, tls }) => originOf(url, { tls }),
    nowMs: () => systemClock.nowMs(),
    monotonicMs: () => systemClock.monotonicMs(),
    random: Math.random,
    onError: (error) => say(`webhooks: ${error.message}`),
  });
  begun.defer(() => dispatcher.close());
  // What happens at an edge is told by whoever has its journals.
  const tell = async (to: Snapshot) => {
    telemetry.follow(to.telemetry);
    if (!joined) await dispatcher.follow(to.events);
  };
  let admin: Admin | null = null;
  const reloaderParts: ReloaderParts = {
    source,
    overrides: options,
    first,
    say,
    async apply(loaded) {
      await pool.publishKeys(keys.replaceFileKeys(loaded.keys));
      watch.follow(loaded.snapshot);
      await pool.publishSnapshot(watch.fill(loaded.snapshot));
      await tell(loaded.snapshot);
      await audit.follow(loaded.snapshot.audit);
      desk.documentChanged();
      if (loaded.snapshot.admin.tls) admin?.renew(loaded.snapshot.admin.tls);
    },
    revert(before) {
      watch.follow(before.snapshot);
      void tell(before.snapshot);
    },
    onTaken: (taken) => void audit.log.write(reloadEntry(taken)).catch((error: Error) => say(error.message)),
    onShared(shared) {
      if (opened.kind !== 'store') keepLastGood(stateDirectory, shared);
    },
  };
  const reloader = new Reloader(reloaderParts, opened.refused);
  const publishKeys = async (delta: KeyDelta) => {
    await pool.publishKeys(delta);
    desk.keysChanged(delta);
  };
  const desk = new NodeDesk({
    records: opened.records,
    stateDirectory,
    ledger,
    keys,
    reloader,
    isEdge: joined !== null,
    status: () => control.status(),
  });
  const edge =
    joined && joinedKeys && outbox
      ? new EdgeNode({
          joined,
          stateDirectory,
          outbox,
          keys: joinedKeys,
          reloader,
          publishKeys,
          report: () => edgeReportOf(control.status()),
          say,
        })
      : null;
  const telemetry = new TelemetryHub({ version, startedAtMs });
  begun.defer(() => telemetry.close());
  begun.defer(() => desk.close());
  begun.defer(() => pool.close(0));
  watch.follow(snapshot);
  await pool.start();
  await tell(snapshot);
  await audit.follow(snapshot.audit);
  sharedKeys?.follow(publishKeys);

  const following =
    opened.kind === 'cluster' && versions ? followCluster({ first, versions, reloader }) : null;
  begun.defer(() => following?.close());
  begun.defer(() => edge?.closeLink());

  // 4. The admin port, last: it says that everything is ready.
  const control = createControlPlane({
    version,
    nodeId,
    startedAtMs,
    pool,
    ledger,
    keys,
    pools,
    calibration: openCalibration(calibration),
    reloader,
    watch,
    dispatcher,
    events,
    audit,
    telemetry,
    secrets,
    counterWatch,
    config: createConfigControl({ reloader, kind: opened.kind, versions }),
    nodes: desk.nodes,
    edges: desk.edges,
    access: createAccessControl({
      directory: openTokenDirectory(opened.records),
      settings: () => reloader.current.access,
      isRoot: (secret) => keys.verifyAdminToken(secret),
    }),
    publishKeys,
    unreachable: () => following?.failure ?? edge?.failure ?? null,
    isDraining: () => draining,
  });
  const { consoleDirectory } = options;
  admin = await startAdmin({ ...snapshot.admin, control, audit: audit.log, consoleDirectory });
  const { port: adminPort, close: closeAdmin } = admin;
  begun.defer(closeAdmin);
  const probes = snapshot.admin.probes ? await startProbes(snapshot.admin.probes, control) : null;
  begun.defer(() => probes?.close());
  reloader.start();
  secrets.start(() => reloader.refresh());
  begun.defer(() => reloader.close());
  desk.start();
  edge?.start();
  writeFileSync(join(stateDirectory, 'admin-url'), `${localUrl(snapshot.admin, adminPort)}\n`);
  const firstKey = keys.firstKey();

  return {
    banner: renderBanner({ snapshot, ports: pool.ports, adminPort, stateDirectory, firstKey }),
    port: pool.ports[0]!,
    ports: pool.ports,
    adminPort,
    probesPort: probes?.port ?? null,
    async stop() {
      if (draining) return;
      draining = true;
      const { delayMs, graceMs } = reloader.current.snapshot.drain;
      reloader.close();
      secrets.close();
      await following?.close();
      await edge?.closeLink();
      desk.close();
      watch.close();
      await dispatcher.close();
      probing.close();
      await telemetry.readMetrics();
      pool.drain();
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await pool.close(graceMs);
      await telemetry.close();
      journal.close();
      await edge?.close();
      await ledger.close();
      counterWatch.close();
      await tokens.close();
      await keeper.close();
      await cache.close();
      await probes?.close();
      await closeAdmin();
      await audit.close();
      await keys.close();
      await opened.records.close();
      lock.release();
    },
  };
}
