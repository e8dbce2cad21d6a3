import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import type { OpenChannel } from './channel.ts';
import { LegacySession } from './legacy-session.ts';
import type { Ask } from './tool-source.ts';
import { capabilitiesIn, metaIn, metaOf } from './wire.ts';

const most = 200;
const idleMs = 5 * 60_000;

interface Pooled {
  readonly opening: Promise<LegacySession>;
  usedMs: number;
}

/** Sessions with one server: one for each principal and what its clients can do, since a handshake says that once and for all. */
export class SessionPool {
  readonly #open: OpenChannel;
  readonly #shared: boolean;
  readonly #sessions = new Map<string, Pooled>();
  #sweep: NodeJS.Timeout | null = null;

  constructor(open: OpenChannel, shared: boolean) {
    this.#open = open;
    this.#shared = shared;
  }

  /** @throws Fault when the server cannot be reached or does not shake hands. */
  async get({ params, caller }: Ask): Promise<LegacySession> {
    const capabilities = capabilitiesIn(params);
    const key = JSON.stringify([this.#shared ? null : caller.principal, sorted(capabilities)]);
    const pooled = this.#sessions.get(key);
    if (pooled) {
      pooled.usedMs = Date.now();
      const session = await pooled.opening;
      if (!session.lost) return session;
      if (this.#sessions.get(key) === pooled) this.#sessions.delete(key);
    }
    const info = metaIn(params)[metaOf.client];
    const clientInfo = isObject(info) ? info : { name: 'sluice', version: '1' };
    const opening = LegacySession.open(this.#open, { capabilities, clientInfo });
    this.#sessions.set(key, { opening, usedMs: Date.now() });
    // Those who wait for it are told; nobody else is to find it.
    opening.catch(() => this.#sessions.delete(key));
    this.#bound();
    return opening;
  }

  close(): void {
    if (this.#sweep) clearInterval(this.#sweep);
    this.#sweep = null;
    for (const key of [...this.#sessions.keys()]) this.#end(key);
  }

  #bound(): void {
    this.#sweep ??= setInterval(() => this.#sweepIdle(), idleMs / 5).unref();
    for (const key of this.#sessions.keys()) {
      if (this.#sessions.size <= most) return;
      this.#end(key);
    }
  }

  #sweepIdle(): void {
    for (const [key, { opening, usedMs }] of this.#sessions) {
      if (usedMs > Date.now() - idleMs) continue;
      void opening.then((session) => {
        if (!session.busy) this.#end(key);
      }, ignore);
    }
  }

  #end(key: string): void {
    const pooled = this.#sessions.get(key);
    this.#sessions.delete(key);
    pooled?.opening.then((session) => session.close(), ignore);
  }
}

const ignore = () => undefined;

/** So that the same is said in one way. */
const sorted = (value: unknown): unknown =>
  isObject(value)
    ? Object.fromEntries(
        Object.entries(value as JsonObject)
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, of]) => [key, sorted(of)]),
      )
    : value;
