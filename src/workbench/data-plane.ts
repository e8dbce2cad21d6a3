import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPoolMemory, PoolMemory, TargetPace } from '#balance/index.ts';
import { createCalibrationMemory, openCalibration } from '#core/calibration.ts';
import type { AuditedExchange } from '#core/contracts/audit.ts';
import type { Clock } from '#core/contracts/clock.ts';
import type { PolicyKind } from '#core/contracts/policy.ts';
import type { Receipt } from '#core/receipt.ts';
import type { Snapshot } from '#core/snapshot.ts';
import { dialects } from '#dialects/index.ts';
import { connectTokenCounter } from '#ledger/tokens/connect-token-counter.ts';
import { openTokenService } from '#ledger/tokens/token-service.ts';
import { createObserver, type MetricsDump } from '#observe/index.ts';
import { ToolThread } from '#mcp/thread.ts';
import { handle } from '#pipeline/handle.ts';
import { Mirrors } from '#pipeline/mirrors.ts';
import { Lines } from '#pipeline/queue/lines.ts';
import { RetryState } from '#pipeline/retry-state.ts';
import { Shedder } from '#pipeline/shedder.ts';
import { SocketWatch } from '#pipeline/websocket/socket-watch.ts';
import { policyKinds } from '#policies/index.ts';
import { signers } from '#providers/signers/index.ts';
import { openCounterStore } from '#storage/embedded/counters/counter-store.ts';
import { createCounterMemory } from '#storage/embedded/counters/layout.ts';
import { createAnswerMemory } from '#storage/embedded/answer-memory/layout.ts';
import { MemoryCache } from '#storage/embedded/answer-memory/memory-cache.ts';
import { connectKeeper } from '#storage/embedded/keeper/connect-keeper.ts';
import { openCacheService } from '#storage/embedded/cache/cache-service.ts';
import { connectCache } from '#storage/embedded/cache/connect-cache.ts';
import { openKeeperService } from '#storage/embedded/keeper/keeper-service.ts';
import { listen } from '#transport/server/index.ts';
import { createUpstream } from '#transport/upstream/index.ts';
import { compileGateway, type Parts } from '../compose/compile-gateway.ts';
import { KeptParts } from '../compose/kept-parts.ts';
import { KeyTable } from '../compose/key-table.ts';
import { ProviderKeys } from '../compose/provider-keys.ts';
import { systemClock } from '../compose/system-clock.ts';

export interface DataPlane {
  readonly url: string;
  /** What its routes' policies gave to the audit log. */
  readonly audited: readonly (AuditedExchange & { readonly mustKeep: boolean })[];
  /** Has the audit log room? */
  readonly auditRoom: { isThere: boolean };
  /** Of an exchange, once it is settled. */
  receiptOf(id: string): Promise<Receipt>;
  metrics(): MetricsDump;
  stop(): Promise<void>;
}

export interface DataPlaneParts {
  readonly snapshot: Snapshot;
  /** Beside the gateway's own. */
  kinds(observer: ReturnType<typeof createObserver>): readonly PolicyKind[];
  /** Takes lines of the error log, and what policies say, in place of standard error. */
  readonly writeError?: (line: string) => void;
  /** The system's when left out. */
  readonly clock?: Clock;
}

/** The data plane in this thread, over real sockets, without keys and ledger. */
export async function openDataPlane(given: DataPlaneParts): Promise<DataPlane> {
  const { snapshot, kinds, writeError, clock = systemClock } = given;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-workbench-'));
  const upstream = createUpstream({ clock });
  const tokens = openTokenService();
  const tokenPort = tokens.openPort();
  const keeper = openKeeperService({ path: join(folder, 'kept.db'), postgres: null });
  const keeperPort = keeper.openPort();
  const answers = openCacheService(join(folder, 'answers.db'));
  const answersPort = answers.openPort();
  const receipts = new Map<string, Receipt>();
  const audited: DataPlane['audited'][number][] = [];
  const auditRoom = { isThere: true };
  const observer = createObserver({ accessLog: snapshot.accessLog, clock, writeError });
  const poolMemory = new PoolMemory(createPoolMemory({ workers: 1 }), 0);
  const own = kinds(observer);
  const tools = new ToolThread({ secret: randomBytes(32), hasPrograms: true, log() {} });
  const parts: Parts = {
    dialects,
    policyKinds: new Map([...policyKinds, ...own.map((kind) => [kind.name, kind] as const)]),
    ownPolicies: { kindsOf: () => [] },
    upstream,
    builtins: new Map(),
    signers,
    journal: {
      intent: (_, done) => done(null),
      progress() {},
      receipt(receipt, _, done) {
        receipts.set(receipt.id, receipt);
        done(null);
      },
      event: (_, done) => done(null),
    },
    counters: openCounterStore(createCounterMemory(), { owner: 1 }),
    calibration: openCalibration(createCalibrationMemory()),
    poolMemory,
    keys: new KeyTable(),
    providerKeys: new ProviderKeys(clock, () => undefined),
    audit: {
      hasRoom: () => auditRoom.isThere,
      put: (entry, mustKeep) => void audited.push({ ...entry, mustKeep }),
    },
    kept: new KeptParts(),
    tools,
    tokens: connectTokenCounter(tokenPort, { deadlineMs: 60_000 }),
    keeper: connectKeeper(keeperPort),
    cache: connectCache(answersPort, new Uint8Array(32)),
    answers: new MemoryCache(createAnswerMemory(snapshot.storage.answersBytes), () => clock.nowMs()),
    clock,
    observer,
    account: { usage: async () => [] },
    events: { emit() {} },
    live: new Set(),
    unheard: new Set(),
    lines: new Lines(clock, observer),
    pace: new TargetPace(poolMemory, clock),
    owed: { wake() {} },
    retries: new RetryState(),
    mirrors: new Mirrors(),
    shedder: new Shedder(null),
    sockets: new SocketWatch(),
    serve: (inbound) => handle(inbound, gateway),
  };
  const gateway = compileGateway(snapshot, parts);
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    reusePort: false,
    limits: snapshot.limits,
    trustedProxies: [],
    onExchange: (inbound) => void parts.serve(inbound),
  });
  return {
    audited,
    auditRoom,
    url: `http://127.0.0.1:${listener.port}`,
    async receiptOf(id) {
      for (const until = Date.now() + 10_000; Date.now() < until;) {
        const receipt = receipts.get(id);
        if (receipt) return receipt;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      throw new Error(`no receipt of ${id}`);
    },
    metrics: () => observer.dump(),
    async stop() {
      tools.goAway();
      await listener.close(0);
      tools.close();
      upstream.close();
      tokenPort.close();
      keeperPort.close();
      answersPort.close();
      await tokens.close();
      await keeper.close();
      await answers.close();
      await observer.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
