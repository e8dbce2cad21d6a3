import type { Origin } from '#core/contracts/upstream.ts';
import { Connection, type ConnectionHost, type ConnectionUser } from './connection.ts';
import type { Dialer } from './dial.ts';

export interface PoolOptions {
  readonly dialer: Dialer;
  readonly maxIdlePerOrigin: number;
  readonly idleExpiryMs: number;
  nowMs(): number;
}

const readBufferBytes = 64 * 1024;
/** A longer promise is not relied upon: middleboxes forget silent connections. */
const maxExpiryMs = 60_000;

/** All connections, and those among them that wait for work: by origin, the one used last on top. */
export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #host: ConnectionHost;
  readonly #idle = new Map<string, Connection[]>();
  readonly #all = new Set<Connection>();
  #idleCount = 0;
  #closing = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#host = {
      dialer: options.dialer,
      readBuffer: Buffer.allocUnsafeSlow(readBufferBytes),
      onClosed: (connection) => this.#forget(connection),
    };
  }

  get openCount(): number {
    return this.#all.size;
  }

  get idleCount(): number {
    return this.#idleCount;
  }

  open(origin: Origin, user: ConnectionUser): Connection {
    const connection = new Connection(origin, this.#host, user);
    this.#all.add(connection);
    return connection;
  }

  /** The one used last: the others may then grow old and be closed. */
  take(origin: Origin, user: ConnectionUser): Connection | null {
    const list = this.#idle.get(origin.key);
    if (!list) return null;
    const now = this.#options.nowMs();
    while (list.length > 0) {
      const connection = list[list.length - 1]!;
      if (!connection.reusable || this.#isExpired(connection, now)) {
        connection.destroy();
        continue;
      }
      list.pop();
      this.#idleCount--;
      connection.assign(user);
      return connection;
    }
    return null;
  }

  put(connection: Connection): void {
    const { key } = connection.origin;
    let list = this.#idle.get(key);
    if (this.#closing || (list?.length ?? 0) >= this.#options.maxIdlePerOrigin) return connection.destroy();
    if (!list) this.#idle.set(key, (list = []));
    connection.idleSinceMs = this.#options.nowMs();
    list.push(connection);
    this.#idleCount++;
  }

  /** Destroys what has been idle for too long. */
  sweep(nowMs: number): void {
    for (const [key, list] of this.#idle) {
      for (const connection of [...list]) if (this.#isExpired(connection, nowMs)) connection.destroy();
      if (list.length === 0) this.#idle.delete(key);
    }
  }

  /** Destroys what is idle now, and later whatever becomes so. */
  close(): void {
    this.#closing = true;
    for (const list of this.#idle.values()) for (const connection of [...list]) connection.destroy();
    this.#idle.clear();
  }

  #isExpired(connection: Connection, nowMs: number): boolean {
    const promised = connection.keepAliveSeconds;
    // A second before the promise ends, lest a request and the upstream's end cross on the way.
    const expiryMs =
      promised < 0 ? this.#options.idleExpiryMs : Math.min(maxExpiryMs, Math.max(0, promised * 1000 - 1000));
    return nowMs - connection.idleSinceMs >= expiryMs;
  }

  #forget(connection: Connection): void {
    this.#all.delete(connection);
    if (connection.idleSinceMs < 0) return;
    connection.idleSinceMs = -1;
    const list = this.#idle.get(connection.origin.key)!;
    list.splice(list.lastIndexOf(connection), 1);
    this.#idleCount--;
  }
}
