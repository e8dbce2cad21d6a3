/**
 * One thread of the data plane: composes a gateway from the snapshot it is given, listens, and answers. Nothing here
 * waits for the control plane; what it says to it goes by messages.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { openCalibration } from '#core/calibration.ts';
import { shareOfLimits } from '#core/share-of-limits.ts';
import { handle } from '#pipeline/handle.ts';
import { OwedCollector } from '#pipeline/kept/collect-owed.ts';
import { Mirrors } from '#pipeline/mirrors.ts';
import { Lines } from '#pipeline/queue/lines.ts';
import { RetryState } from '#pipeline/retry-state.ts';
import { Shedder } from '#pipeline/shedder.ts';
import { SocketWatch } from '#pipeline/websocket/socket-watch.ts';
import { createUpstream } from '#transport/upstream/index.ts';
import { openCounterStore } from '#storage/embedded/counters/counter-store.ts';
import { AuditLine } from '#audit/connect-audit.ts';
import { MemoryCache } from '#storage/embedded/answer-memory/memory-cache.ts';
import { connectKeeper } from '#storage/embedded/keeper/connect-keeper.ts';
import { openJournal } from '#ledger/journal/open-journal.ts';
import { journalEvents } from '#ledger/journal/journal-events.ts';
import { connectTokenCounter } from '#ledger/tokens/connect-token-counter.ts';
import { PoolMemory, TargetPace } from '#balance/index.ts';
import { createObserver } from '#observe/index.ts';
import { ReportLine } from '#observe/report-line.ts';
import { signers } from '#providers/signers/index.ts';
import { createSimulatedUpstream } from '#providers/simulated/index.ts';
import { dialects } from '#dialects/index.ts';
import { OwnPolicies } from '#extensions/index.ts';
import { ToolThread } from '#mcp/thread.ts';
import { policyKinds } from '#policies/index.ts';
import { AskedAccount } from './compose/ask-account.ts';
import { auditMetrics } from './compose/audit-metrics.ts';
import { createCounters } from './compose/create-counters.ts';
import { compileGateway, type CompiledGateway, type Parts } from './compose/compile-gateway.ts';
import { KeptParts } from './compose/kept-parts.ts';
import { KeyTable } from './compose/key-table.ts';
import { openCache } from './compose/open-cache.ts';
import { ProviderKeys } from './compose/provider-keys.ts';
import { openListeners, type ListenerPool } from './compose/open-listeners.ts';
import type { FromWorker, ToWorker, WorkerStart } from './compose/messages.ts';
import { systemClock } from './compose/system-clock.ts';

const heartbeatMs = 500;
const progressMs = 1000;
const lagSampleMs = 50;

const port = parentPort!;
const start = workerData as WorkerStart;
const say = (message: FromWorker) => port.postMessage(message);

const clock = systemClock;
const upstream = createUpstream({ clock });
const journal = openJournal({
  directory: start.journalDirectory,
  worker: start.index,
  incarnation: start.incarnation,
  durability: start.snapshot.durability,
  onSealed: (path) => say({ type: 'sealed', path }),
});
const reports = new ReportLine((report) => say({ type: 'report', report }));
const observer = createObserver({
  reports,
  accessLog: start.snapshot.accessLog,
  clock,
  connections: () => upstream.stats(),
  doors: () => listeners.stats(),
});
observer.follow(start.snapshot.telemetry);
const counting = createCounters({
  embedded: openCounterStore(start.counters, { owner: start.owner, nowMs: () => clock.nowMs() }),
  redis: start.snapshot.storage.redis,
  nodeId: start.nodeId,
  incarnation: start.incarnation,
  clock,
});
const keys = new KeyTable();
keys.apply(start.keys);

const account = new AskedAccount(say);
let limitPercent = start.snapshot.limitPercent ?? 100;
const owed = new OwedCollector(() => gateway);
const cache = openCache(start);
const audit = new AuditLine(start.auditPort);
const providerKeys = new ProviderKeys(clock, (line) => process.stderr.write(`sluice: ${line}\n`));
const poolMemory = new PoolMemory(start.pools, start.index);
const ownPolicies = new OwnPolicies({ clock, observer });
const parts: Parts = {
  dialects,
  policyKinds,
  ownPolicies,
  upstream,
  builtins: new Map([['simulated', createSimulatedUpstream()]]),
  signers,
  journal,
  counters: shareOfLimits(counting.counters, () => limitPercent),
  cache: cache.store,
  answers: new MemoryCache(start.answers, () => clock.nowMs()),
  calibration: openCalibration(start.calibration),
  poolMemory,
  pace: new TargetPace(poolMemory, clock),
  keys,
  audit,
  providerKeys,
  kept: new KeptParts(),
  tools: new ToolThread({
    secret: start.cacheSecret,
    hasPrograms: start.index === 0,
    log: (server, line) => process.stderr.write(`sluice: ${server}: ${line}\n`),
  }),
  tokens: connectTokenCounter(start.tokenPort),
  keeper: connectKeeper(start.keeperPort),
  clock,
  observer,
  account,
  events: journalEvents(journal, (event, error) => observer.eventFailed(event, error)),
  live: new Set(),
  unheard: new Set(),
  lines: new Lines(clock, observer),
  owed,
  retries: new RetryState(),
  mirrors: new Mirrors(),
  shedder: new Shedder(start.snapshot.shedding),
  sockets: new SocketWatch(),
  serve(inbound) {
    running++;
    return handle(inbound, gateway).finally(ended);
  },
};

let gateway: CompiledGateway = compileGateway(start.snapshot, parts);
let running = 0;
let closing = false;
const idle = Promise.withResolvers<void>();
let listeners: ListenerPool;

try {
  await counting.ready();
  listeners = await openListeners(start, {
    onExchange(inbound) {
      void parts.serve(inbound);
    },
  });
  say({ type: 'listening', ports: listeners.ports });
  // Of an earlier life of the process.
  owed.wake();
} catch (error) {
  const { message, code } = error as NodeJS.ErrnoException;
  say({ type: 'failed', message, code });
  process.exit(1);
}

function ended(): void {
  running--;
  if (running === 0 && closing) idle.resolve();
}

const beats = new Int32Array(start.heartbeats);
const heartbeat = setInterval(() => Atomics.add(beats, start.index, 1), heartbeatMs);
const progress = setInterval(() => {
  for (const attempt of parts.live) attempt.recordProgress();
}, progressMs);

// How late this timer comes is how far the thread is behind with its work.
let expectedMs = clock.monotonicMs() + lagSampleMs;
const lagSamples = setInterval(() => {
  const nowMs = clock.monotonicMs();
  parts.shedder.observe(nowMs - expectedMs);
  expectedMs = nowMs + lagSampleMs;
}, lagSampleMs).unref();

port.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'snapshot':
      return swap(message);
    case 'keys':
      keys.apply(message.delta);
      return say({ type: 'keys-in-force', sequence: keys.sequence });
    case 'upstream-members':
      return gateway.updateUpstreams(message.group, message.members);
    case 'usage':
      return account.hear(message.ask, message);
    case 'metrics':
      return say({
        type: 'metrics',
        ask: message.ask,
        dump: [...observer.dump(), ...counting.dump(), ...auditMetrics(audit), ...providerKeys.dump()],
      });
    case 'report-taken':
      return reports.taken();
    case 'drain':
      return listeners.drain();
    case 'close':
      return void close(message.graceMs);
  }
});

function swap({ snapshot }: { snapshot: WorkerStart['snapshot'] }): void {
  try {
    const next = compileGateway(snapshot, parts);
    listeners.update(snapshot.listen);
    gateway = next;
    limitPercent = snapshot.limitPercent ?? 100;
    parts.shedder.rules = snapshot.shedding;
    observer.follow(snapshot.telemetry);
    say({ type: 'snapshot-in-force', version: snapshot.version });
  } catch (error) {
    say({ type: 'snapshot-refused', version: snapshot.version, message: (error as Error).message });
  }
}

async function close(graceMs: number): Promise<void> {
  parts.sockets.goAway();
  parts.tools.goAway();
  await listeners.close(graceMs);
  // A connection that was cut still has a receipt to come.
  closing = true;
  for (const exchange of parts.unheard) exchange.giveUp();
  if (running > 0) await idle.promise;
  clearInterval(heartbeat);
  clearInterval(progress);
  clearInterval(lagSamples);
  ownPolicies.close();
  await owed.close();
  await counting.close();
  parts.tools.close();
  upstream.close();
  start.tokenPort.close();
  start.keeperPort.close();
  cache.close();
  await audit.close();
  start.auditPort.close();
  journal.close();
  await observer.close();
  say({ type: 'closed' });
  port.close();
}
