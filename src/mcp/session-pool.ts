import type { JsonObject } from '#core/call.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import type { PeerSession } from './peer-session.ts';
import type { Ask } from './tool-source.ts';
import { capabilitiesIn, metaIn, metaOf } from './wire.ts';

const idleMs = 5 * 60_000;
const retireMs = 1000;

/** Whom a session is opened for. */
export interface ClientHello {
  readonly capabilities: JsonObject;
  readonly clientInfo: JsonObject;
}

export interface PoolRules {
  /** Callers share sessions; else each principal has its own. */
  readonly shared: boolean;
  /** Sessions at once. */
  readonly most: number;
}

interface Pooled {
  readonly opening: Promise<PeerSession>;
  session: PeerSession | null;
  usedMs: number;
}

/** Sessions with one server: one for each principal and what its clients can do, since a handshake says that once and for all. */
export class SessionPool {
  readonly #open: (hello: ClientHello) => Promise<PeerSession>;
  readonly #rules: PoolRules;
  readonly #sessions = new Map<string, Pooled>();
  #sweep: NodeJS.Timeout | null = null;

  /** @param open Rejects when the server cannot be reached or does not shake hands. */
  constructor(open: (hello: ClientHello) => Promise<PeerSession>, rules: PoolRules) {
    this.#open = open;
    this.#rules = rules;
  }

  /** @throws Fault when there is no session to be had. */
  async get({ params, caller }: Ask): Promise<PeerSession> {
    const capabilities = capabilitiesIn(params);
    const key = JSON.stringify([this.#rules.shared ? null : caller.principal, sorted(capabilities)]);
    const known = this.#sessions.get(key);
    if (known && known.session?.lost !== true) {
      known.usedMs = Date.now();
      return known.opening;
    }
    this.#sessions.delete(key);
    this.#makeRoom();
    const info = metaIn(params)[metaOf.client];
    const clientInfo = isObject(info) ? info : { name: 'sluice', version: '1' };
    const opening = this.#open({ capabilities, clientInfo });
    const pooled: Pooled = { opening, session: null, usedMs: Date.now() };
    this.#sessions.set(key, pooled);
    this.#sweep ??= setInterval(() => this.#sweepIdle(), idleMs / 5).unref();
    try {
      return (pooled.session = await opening);
    } catch (thrown) {
      // Others who wait for it are told, too; nobody else is to find it.
      if (this.#sessions.get(key) === pooled) this.#sessions.delete(key);
      throw thrown;
    }
  }

  /** Nobody asks any more: what runs comes to its end. */
  retire(): void {
    for (const [key, { session }] of this.#sessions) if (session?.busy !== true) this.#end(key);
    if (this.#sessions.size > 0) setTimeout(() => this.retire(), retireMs).unref();
    else this.close();
  }

  close(): void {
    if (this.#sweep) clearInterval(this.#sweep);
    this.#sweep = null;
    for (const key of [...this.#sessions.keys()]) this.#end(key);
  }

  /** Ends what was longest not used. @throws Fault where all are in use. */
  #makeRoom(): void {
    if (this.#sessions.size < this.#rules.most) return;
    const idle = [...this.#sessions].filter(([, { session }]) => session && !session.busy);
    const [oldest] = idle.toSorted(([, one], [, other]) => one.usedMs - other.usedMs);
    if (!oldest)
      throw new Fault(
        'upstream/overloaded',
        `All ${this.#rules.most} sessions that this server may have at once are in use.`,
      );
    this.#end(oldest[0]);
  }

  #sweepIdle(): void {
    for (const [key, { session, usedMs }] of this.#sessions)
      if (session && !session.busy && usedMs < Date.now() - idleMs) this.#end(key);
  }

  #end(key: string): void {
    const pooled = this.#sessions.get(key);
    this.#sessions.delete(key);
    pooled?.opening.then(
      (session) => session.close(),
      () => undefined,
    );
  }
}

/** So that the same is said in one way. */
const sorted = (value: unknown): unknown =>
  isObject(value)
    ? Object.fromEntries(
        Object.entries(value as JsonObject)
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, of]) => [key, sorted(of)]),
      )
    : value;
