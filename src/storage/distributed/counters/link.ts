import type { Clock } from '#core/contracts/clock.ts';
import type { RedisAddress } from '#core/storage-settings.ts';
import { openConnection, type Connection } from './connection.ts';
import type { Reply } from './item-arguments.ts';
import { keysOf, parseMarker, type CounterKeys, type Marker } from './keys.ts';
import { createScripts, type Scripts } from './lua/scripts.ts';

/** Somebody else's clock is asked this often whether the counters are still the ones we know. */
const watchMs = 1000;
/** The same while they are not. */
const awaitMs = 100;
/** A connection on which nothing has come for so long is given up, and a new one made. */
const silentMs = 5000;

export interface LinkSettings extends RedisAddress {
  /** Names the counters among others in the same Redis; the same on all nodes (default `main`). */
  readonly name?: string;
  readonly clock: Clock;
  /** How long an answer is waited for. */
  readonly timeoutMs: number;
  /** For tests: Lua of the time that windows go by, in place of the store's. */
  readonly storeTime?: string;
}

/** The answer is that the counters are others by now, or none. */
export class Stale extends Error {
  constructor() {
    super('the counters are built anew');
  }
}

/** No answer came in time. */
export class Silent extends Error {
  constructor(ms: number) {
    super(`no answer came within ${Math.round(ms)} ms`);
  }
}

/**
 * What a thread knows of the store: whether it can be reached, and whether what it counts can be believed. It can when
 * a marker is there, the server is the one that it was written on, and the marker's time has come; else nothing is counted.
 */
export class Link {
  readonly keys: CounterKeys;
  readonly scripts: Scripts;
  /** Calls that were not answered in time. */
  timeouts = 0;
  /** Times that the counters could not be counted on any more. */
  losses = 0;
  readonly #connection: Connection;
  readonly #settings: LinkSettings;
  readonly #waiting = new Set<() => void>();
  readonly #findings: ((found: Finding) => Promise<void>)[] = [];
  readonly #usable: (() => void)[] = [];
  readonly #lost: ((reason: string) => void)[] = [];
  #marker: Marker | null = null;
  #reason: string | null = 'the first connection is not made yet';
  #lostAtMs: number;
  #heardAtMs: number;
  #offsetMs = 0;
  #isConnected = false;
  #checking = false;
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(settings: LinkSettings) {
    this.#settings = settings;
    this.keys = keysOf(settings.name ?? 'main');
    this.scripts = createScripts(settings.storeTime);
    this.#lostAtMs = this.#heardAtMs = settings.clock.monotonicMs();
    this.#connection = openConnection({
      ...settings,
      scripts: this.scripts,
      onReady: () => {
        this.#isConnected = true;
        this.#heardAtMs = settings.clock.monotonicMs();
        void this.check();
      },
      onLost: (reason) => {
        this.#isConnected = false;
        this.lose(reason);
      },
    });
    this.#watch();
  }

  /** The counters that can be believed; null: there are none now. */
  get marker(): Marker | null {
    return this.#reason === null ? this.#marker : null;
  }

  /** The same. @throws Stale when there are none. */
  current(): Marker {
    if (this.marker === null) throw new Stale();
    return this.marker;
  }

  /** Why they cannot be counted on; null: they can. */
  get reason(): string | null {
    return this.#reason;
  }

  get sent(): Connection['sent'] {
    return this.#connection.sent;
  }

  /** How long it has been so; 0 while they can. */
  lostForMs(): number {
    return this.#reason === null ? 0 : this.#settings.clock.monotonicMs() - this.#lostAtMs;
  }

  /** The store's time, nearly. */
  storeMs(): number {
    return this.#settings.clock.nowMs() + this.#offsetMs;
  }

  /** Called with each finding, before anybody counts by it. What it throws keeps the counters from being used. */
  onFinding(listener: (found: Finding) => Promise<void>): void {
    this.#findings.push(listener);
  }

  /** Called each time that they can be used again, before whoever waits for it. */
  onUsable(listener: () => void): void {
    this.#usable.push(listener);
  }

  /** Called each time that they cannot be used any more. */
  onLost(listener: (reason: string) => void): void {
    this.#lost.push(listener);
  }

  /** @throws Stale, or what the connection or the server say. */
  async run({ name, keys, args }: Command): Promise<Reply> {
    const reply = await this.#connection.run(this.scripts[name], keys, args);
    this.#heardAtMs = this.#settings.clock.monotonicMs();
    if (reply[0] === 'E') {
      this.lose('the counters are built anew');
      throw new Stale();
    }
    return reply;
  }

  /** The same, and Silent after `ms`. */
  async runWithin(ms: number, command: Command): Promise<Reply> {
    const late = Promise.withResolvers<never>();
    // After a turn of I/O: where this thread itself was held up, the answer may be there, unread.
    const timer = setTimeout(() => setImmediate(() => late.reject(new Silent(ms))), ms);
    try {
      return await Promise.race([this.run(command), late.promise]);
    } catch (error) {
      if (error instanceof Silent) this.timeouts++;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Takes a lock, for a time. False: another has it. */
  take(key: string, token: string, ms: number): Promise<boolean> {
    return this.#connection.take(key, token, ms);
  }

  info(section: string): Promise<string> {
    return this.#connection.info(section);
  }

  /** From now on they cannot be counted on, until a check finds otherwise. */
  lose(reason: string): void {
    if (this.#isClosed) return;
    const wasUsable = this.#reason === null;
    this.#reason = reason;
    if (!wasUsable) return;
    this.losses++;
    this.#lostAtMs = this.#settings.clock.monotonicMs();
    for (const listener of this.#lost) listener(reason);
    this.#watch();
  }

  /** Resolves when the counters can be used, or after `ms`. */
  async untilUsable(ms: number): Promise<boolean> {
    if (this.#reason === null) return true;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#waiting.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(resolve);
    return this.#reason === null;
  }

  /** Looks at what stands in the store. */
  async check(): Promise<void> {
    if (this.#checking || this.#isClosed || !this.#isConnected) return;
    this.#checking = true;
    try {
      const sentMs = this.#settings.clock.nowMs();
      const look: Command = { name: 'check', keys: [this.keys.marker], args: [] };
      const [text, isPrimary, replicationId, nowMs] = await this.runWithin(this.#settings.timeoutMs, look);
      this.#offsetMs = Number(nowMs) - (sentMs + this.#settings.clock.nowMs()) / 2;
      const marker = parseMarker(String(text));
      const found: Finding = {
        marker: marker?.replicationId === replicationId ? marker : null,
        isPrimary: isPrimary === 1,
        replicationId: String(replicationId),
        nowMs: Number(nowMs),
      };
      await this.#judge(found);
    } catch (error) {
      this.lose((error as Error).message);
      const silence = this.#settings.clock.monotonicMs() - this.#heardAtMs;
      if (error instanceof Silent && silence > silentMs) this.#connection.reconnect();
    } finally {
      this.#checking = false;
      this.#watch();
    }
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#connection.close();
    for (const resolve of this.#waiting) resolve();
  }

  async #judge(found: Finding): Promise<void> {
    const { marker, isPrimary, nowMs } = found;
    if (!isPrimary) return this.lose('the server that answers is a replica');
    if (marker?.text !== this.#marker?.text) this.lose('the counters are built anew');
    for (const listener of this.#findings) await listener(found);
    if (marker === null) return this.lose('the counters are not built yet');
    this.#marker = marker;
    if (nowMs < marker.opensAtMs) return this.lose('the counters are built, and nodes bring in what is open');
    if (!this.#isConnected) return;
    if (this.#reason === null) return;
    this.#reason = null;
    for (const listener of this.#usable) listener();
    for (const resolve of this.#waiting) resolve();
  }

  #watch(): void {
    if (this.#isClosed) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.check(), this.#reason === null ? watchMs : awaitMs);
    this.#timer.unref();
  }
}

export interface Command {
  readonly name: keyof Scripts;
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

export interface Finding {
  /** Null: there is none that was written on this server. */
  readonly marker: Marker | null;
  readonly isPrimary: boolean;
  readonly replicationId: string;
  /** The store's time. */
  readonly nowMs: number;
}
