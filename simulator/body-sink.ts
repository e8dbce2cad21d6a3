import type { ServerResponse } from 'node:http';
import { constants, crc32, deflateRawSync } from 'node:zlib';
import type { ClientWatch } from './client-watch.ts';

export interface SinkOptions {
  splitAt: number | 'every' | undefined;
  gzip: boolean;
}

const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);

/** Writes a body to the socket: compressed on demand, cut where the script says, never faster than it drains. */
export class BodySink {
  readonly #response: ServerResponse;
  readonly #watch: ClientWatch;
  readonly #options: SinkOptions;
  #offset = 0;
  #crc = 0;
  #plainBytes = 0;
  #begun = false;

  constructor(response: ServerResponse, watch: ClientWatch, options: SinkOptions) {
    this.#response = response;
    this.#watch = watch;
    this.#options = options;
  }

  /** Writes and answers whether the client is still there, at once unless the write has to wait. */
  write(text: string | Buffer): boolean | Promise<boolean> {
    if (this.#watch.gone) return false;
    if (!this.#options.gzip && this.#options.splitAt === undefined) return this.#put(text);
    const plain = typeof text === 'string' ? Buffer.from(text) : text;
    return this.#split(this.#options.gzip ? this.#compress(plain) : plain);
  }

  /** Writes what the compression still owes and ends the body. */
  async end(): Promise<void> {
    if (this.#options.gzip && !this.#watch.gone) {
      const trailer = Buffer.alloc(8);
      trailer.writeUInt32LE(this.#crc, 0);
      trailer.writeUInt32LE(this.#plainBytes >>> 0, 4);
      const head = this.#begun ? [] : [GZIP_HEADER];
      await this.#split(Buffer.concat([...head, deflateRawSync(Buffer.alloc(0)), trailer]));
    }
    this.#response.end();
  }

  /** Waits until all that was written has left this process: a reset discards whatever has not. */
  async flush(): Promise<void> {
    await nextTurn();
    while (!this.#watch.gone && this.#response.writableLength > 0) await nextTurn();
    while (!this.#watch.gone && (this.#response.socket?.writableLength ?? 0) > 0) await nextTurn();
  }

  #put(bytes: string | Buffer): boolean | Promise<boolean> {
    return this.#response.write(bytes) || this.#watch.untilDrained(this.#response);
  }

  // Each piece is deflated apart and ends on a byte (Z_SYNC_FLUSH), so that a reader can inflate it at once.
  #compress(plain: Buffer): Buffer {
    this.#crc = crc32(plain, this.#crc);
    this.#plainBytes += plain.length;
    const deflated = deflateRawSync(plain, { finishFlush: constants.Z_SYNC_FLUSH });
    if (this.#begun) return deflated;
    this.#begun = true;
    return Buffer.concat([GZIP_HEADER, deflated]);
  }

  async #split(bytes: Buffer): Promise<boolean> {
    const { splitAt } = this.#options;
    let from = 0;
    while (from < bytes.length) {
      if (this.#watch.gone) return false;
      const to = splitAt === 'every' ? from + 1 : this.#nextCut(splitAt ?? 0, bytes.length - from) + from;
      if (!(await this.#put(bytes.subarray(from, to)))) return false;
      this.#offset += to - from;
      if (splitAt === 'every' || this.#offset === splitAt) await nextTurn();
      from = to;
    }
    return !this.#watch.gone;
  }

  #nextCut(splitAt: number, available: number): number {
    const left = splitAt - this.#offset;
    return left > 0 && left < available ? left : available;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
