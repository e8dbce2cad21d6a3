import { randomBytes } from 'node:crypto';
import { Worker, type MessagePort } from 'node:worker_threads';
import type { AccountQuery, AccountRow } from '#core/contracts/account.ts';
import type { KeyDelta } from '#core/key.ts';
import { createAnswerMemory, type AnswerMemory } from '#storage/embedded/answer-memory/layout.ts';
import type { Snapshot } from '#core/snapshot.ts';
import type { Report } from '#core/telemetry.ts';
import type { MembersChange } from './upstream-watch.ts';
import type { FromWorker, ToWorker, WorkerStart } from './messages.ts';

/** A worker whose heartbeat has stood still for this long is wedged: some code in it loops. */
const wedgedAfterMs = 10_000;
const metricsWithinMs = 2000;
/**
 * A collection of the young generation copies what was made since the last one and is still under way: little room means
 * short pauses, much room fewer of them. At 500 streams a second it takes 1.3 ms with 12 MB and 9 ms with 96 MB, at the same
 * throughput; and it is room that each worker keeps once it has had traffic.
 */
const maxYoungGenerationSizeMb = 12;

export interface WorkerPoolSettings {
  readonly count: number;
  /** Of the listeners, in the snapshot's order. */
  readonly ports: readonly number[];
  readonly journalDirectory: string;
  readonly nodeId: string;
  readonly counters: SharedArrayBuffer;
  readonly calibration: SharedArrayBuffer;
  readonly pools: SharedArrayBuffer;
  /** Of this process among all that ever used the state directory. */
  readonly boot: string;
  openTokenPort(): MessagePort;
  openKeeperPort(): MessagePort;
  openCachePort(): MessagePort;
  readonly cacheSecret: Uint8Array;
  openAuditPort(): MessagePort;
  snapshot(): Snapshot;
  /** Members of groups that discovery or checks may have changed since a snapshot was taken. */
  members(): readonly MembersChange[];
  keys(): KeyDelta;
  onSealed(path: string): void;
  /** What a worker tells of its traffic, for others. */
  onReport(report: Report): void;
  /** What a caller asks of the books. */
  onUsage(query: AccountQuery): Promise<readonly AccountRow[]>;
  /** A worker has died or was ended: its reservations and its journal are to be settled. Then it is replaced. */
  onDeath(worker: DeadWorker): Promise<void>;
}

export interface DeadWorker {
  readonly index: number;
  readonly owner: number;
  readonly incarnation: string;
  readonly reason: string;
}

interface Member {
  readonly index: number;
  readonly owner: number;
  readonly incarnation: string;
  readonly worker: Worker;
  snapshotVersion: number;
  keySequence: number;
  beat: number;
  beatAtMs: number;
  closing: boolean;
}

/** The data plane's threads: started, kept alive, told of changes, asked for figures, and ended. */
export class WorkerPool {
  readonly #settings: WorkerPoolSettings;
  readonly #beats: Int32Array;
  readonly #members = new Map<number, Member>();
  /** Those that do not listen yet. */
  readonly #starting = new Set<Worker>();
  readonly #waiting = new Set<() => void>();
  readonly #asks = new Map<number, (dump: unknown) => void>();
  #nextAsk = 0;
  /** Of TLS sessions: one that was begun on a thread can go on with another. */
  readonly #ticketSecret = randomBytes(32);
  readonly #openConnections: SharedArrayBuffer;
  #ports: readonly number[];
  #lives = 0;
  #closing = false;
  /** For answers that can be made again, shared by all; its size is settled with the first worker. */
  #answers: AnswerMemory | null = null;
  /** Why a worker did not take the last snapshot; null when none refused it. */
  #refusal: string | null = null;
  #watch: NodeJS.Timeout | null = null;

  constructor(settings: WorkerPoolSettings) {
    this.#settings = settings;
    this.#beats = new Int32Array(new SharedArrayBuffer(4 * Math.max(settings.count, 1)));
    const cells = settings.ports.length * Math.max(settings.count, 1);
    this.#openConnections = new SharedArrayBuffer(4 * cells);
    this.#ports = settings.ports;
  }

  /** The ports that all listen on, in the listeners' order. */
  get ports(): readonly number[] {
    return this.#ports;
  }

  /** Starts all workers; resolves when every one listens. @throws Error when one cannot. */
  async start(): Promise<void> {
    // The first one settles which ports they are, should any free one have been asked for.
    await this.#spawn(0);
    await Promise.all(Array.from({ length: this.#settings.count - 1 }, (_, i) => this.#spawn(i + 1)));
    this.#watch = setInterval(() => this.#watchBeats(), 500);
    this.#watch.unref();
  }

  status(): { index: number; incarnation: string; snapshotVersion: number; heartbeatAgeMs: number }[] {
    const now = performance.now();
    return [...this.#members.values()].map((member) => ({
      index: member.index,
      incarnation: member.incarnation,
      snapshotVersion: member.snapshotVersion,
      heartbeatAgeMs: Math.round(now - member.beatAtMs),
    }));
  }

  /** Why the pool cannot serve as it should. Empty: it can. */
  complaints(): string[] {
    const version = this.#settings.snapshot().version;
    const said: string[] = [];
    if (this.#members.size < this.#settings.count)
      said.push(`${this.#settings.count - this.#members.size} worker(s) not running`);
    for (const member of this.status()) {
      if (member.heartbeatAgeMs > wedgedAfterMs / 2) said.push(`worker ${member.index} is silent`);
      if (member.snapshotVersion < version)
        said.push(`worker ${member.index} has not taken configuration ${version} yet`);
    }
    return said;
  }

  /** Resolves when every worker has the snapshot in force. */
  async publishSnapshot(snapshot: Snapshot): Promise<void> {
    this.#refusal = null;
    this.#broadcast({ type: 'snapshot', snapshot });
    await this.#until((member) => this.#refusal !== null || member.snapshotVersion >= snapshot.version);
    if (this.#refusal !== null) throw new Error(this.#refusal);
  }

  /** Resolves when every worker acts upon the delta. */
  async publishKeys(delta: KeyDelta): Promise<void> {
    this.#broadcast({ type: 'keys', delta });
    await this.#until((member) => member.keySequence >= delta.sequence);
  }

  /** Told without waiting: a thread that has not heard yet sends to members that were good until now. */
  publishMembers(change: MembersChange): void {
    this.#broadcast({ type: 'upstream-members', ...change });
  }

  async metrics(): Promise<unknown[]> {
    const asked = [...this.#members.values()].map(
      (member) =>
        new Promise<unknown>((resolve) => {
          const ask = this.#nextAsk++;
          const late = setTimeout(() => (this.#asks.delete(ask), resolve(null)), metricsWithinMs);
          this.#asks.set(ask, (dump) => (clearTimeout(late), resolve(dump)));
          this.#post(member, { type: 'metrics', ask });
        }),
    );
    return (await Promise.all(asked)).filter((dump) => dump !== null);
  }

  drain(): void {
    this.#broadcast({ type: 'drain' });
  }

  /**
   * Ends all workers; those that do not end by themselves a while after the grace are ended by force, and those that do
   * not listen yet, which have nothing to end, at once.
   */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    if (this.#watch) clearInterval(this.#watch);
    const starting = [...this.#starting].map((worker) => worker.terminate());
    await Promise.all([
      ...starting,
      ...[...this.#members.values()].map(async (member) => {
        member.closing = true;
        const gone = new Promise<void>((resolve) => member.worker.once('exit', () => resolve()));
        this.#post(member, { type: 'close', graceMs });
        const force = setTimeout(() => void member.worker.terminate(), graceMs + 5000);
        await gone;
        clearTimeout(force);
      }),
    ]);
  }

  #spawn(index: number): Promise<void> {
    const settings = this.#settings;
    // The main thread is the first owner. A worker's number is free again before its successor starts.
    const owner = index + 2;
    const incarnation = `${settings.boot}.${++this.#lives}`;
    const snapshot = settings.snapshot();
    const tokenPort = settings.openTokenPort();
    const keeperPort = settings.openKeeperPort();
    const cachePort = settings.openCachePort();
    const auditPort = settings.openAuditPort();
    const start: WorkerStart = {
      index,
      owner,
      tokenPort,
      keeperPort,
      cachePort,
      cacheSecret: settings.cacheSecret,
      answers: (this.#answers ??= createAnswerMemory(snapshot.storage.answersBytes)),
      auditPort,
      incarnation,
      nodeId: settings.nodeId,
      snapshot,
      keys: settings.keys(),
      counters: settings.counters,
      calibration: settings.calibration,
      pools: settings.pools,
      heartbeats: this.#beats.buffer as SharedArrayBuffer,
      journalDirectory: settings.journalDirectory,
      ports: this.#ports,
      reusePort: settings.count > 1,
      openConnections: this.#openConnections,
      ticketSecret: this.#ticketSecret,
    };
    const entry = import.meta.filename.endsWith('.ts') ? '../worker.ts' : '../worker.js';
    const worker = new Worker(new URL(entry, import.meta.url), {
      workerData: start,
      transferList: [tokenPort, keeperPort, cachePort, auditPort],
      name: `sluice-${index}`,
      resourceLimits: { maxYoungGenerationSizeMb },
    });
    this.#starting.add(worker);
    const keySequence = start.keys.sequence;
    const member: Member = {
      index,
      owner,
      incarnation,
      worker,
      snapshotVersion: start.snapshot.version,
      keySequence,
      beat: -1,
      beatAtMs: performance.now(),
      closing: false,
    };
    return new Promise((resolve, reject) => {
      let failure = 'ended without a word';
      let listening = false;
      worker.on('message', (message: FromWorker) => {
        if (message.type === 'listening') {
          listening = true;
          this.#starting.delete(worker);
          this.#ports = message.ports;
          this.#members.set(index, member);
          this.#catchUp(member, start);
          resolve();
        } else if (message.type === 'failed') {
          failure = message.message;
        } else {
          this.#hear(member, message);
        }
      });
      worker.on('error', (error: Error) => (failure = error.stack ?? error.message));
      worker.on('exit', () => {
        this.#starting.delete(worker);
        this.#members.delete(index);
        this.#wake();
        if (!listening) return reject(new Error(failure));
        if (!this.#closing) void this.#replace(member, failure);
      });
    });
  }

  /** What changed while the worker was starting. */
  #catchUp(member: Member, start: WorkerStart): void {
    const snapshot = this.#settings.snapshot();
    const keys = this.#settings.keys();
    if (snapshot.version !== start.snapshot.version) this.#post(member, { type: 'snapshot', snapshot });
    for (const change of this.#settings.members())
      this.#post(member, { type: 'upstream-members', ...change });
    if (keys.sequence !== start.keys.sequence) this.#post(member, { type: 'keys', delta: keys });
  }

  async #replace(member: Member, reason: string): Promise<void> {
    const { index, owner, incarnation } = member;
    await this.#settings.onDeath({ index, owner, incarnation, reason });
    for (let waitMs = 100; !this.#closing; waitMs = Math.min(waitMs * 2, 5000)) {
      try {
        await this.#spawn(member.index);
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }

  #hear(member: Member, message: FromWorker): void {
    switch (message.type) {
      case 'sealed':
        return this.#settings.onSealed(message.path);
      case 'snapshot-in-force':
        member.snapshotVersion = message.version;
        return this.#wake();
      case 'snapshot-refused':
        this.#refusal = message.message;
        return this.#wake();
      case 'keys-in-force':
        member.keySequence = message.sequence;
        return this.#wake();
      case 'metrics':
        this.#asks.get(message.ask)?.(message.dump);
        this.#asks.delete(message.ask);
        return;
      case 'report':
        this.#settings.onReport(message.report);
        return this.#post(member, { type: 'report-taken' });
      case 'usage':
        return void this.#answerUsage(member, message);
      default:
        return;
    }
  }

  async #answerUsage(member: Member, { ask, query }: Extract<FromWorker, { type: 'usage' }>): Promise<void> {
    const answer = await this.#settings.onUsage(query).then(
      (rows) => ({ rows }),
      (error: unknown) => ({ failed: (error as Error).message, refused: error instanceof RangeError }),
    );
    this.#post(member, { type: 'usage', ask, ...answer });
  }

  #watchBeats(): void {
    const now = performance.now();
    for (const member of this.#members.values()) {
      const beat = Atomics.load(this.#beats, member.index);
      if (beat !== member.beat) {
        member.beat = beat;
        member.beatAtMs = now;
      } else if (now - member.beatAtMs > wedgedAfterMs) {
        void member.worker.terminate();
      }
    }
  }

  #broadcast(message: ToWorker): void {
    for (const member of this.#members.values()) this.#post(member, message);
  }

  #post(member: Member, message: ToWorker): void {
    member.worker.postMessage(message);
  }

  async #until(holds: (member: Member) => boolean): Promise<void> {
    while (![...this.#members.values()].every(holds)) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
