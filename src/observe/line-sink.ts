import { fstatSync, write } from 'node:fs';
import { Socket } from 'node:net';

/**
 * POSIX writes up to PIPE_BUF bytes to a pipe whole or not at all. Several threads write to one pipe, so no write is
 * larger: lines of two threads never mix. https://pubs.opengroup.org/onlinepubs/9799919799/functions/write.html
 */
const pieceBytes = 4096;
const flushMs = 1000;
const closeWithinMs = 1000;

export type Send = (piece: Buffer, done: () => void) => void;

/**
 * Lines on their way out: bounded, gathered into pieces, written one piece at a time. A sink that hangs costs lines,
 * which are counted, and never time.
 */
export class LineSink {
  readonly #send: Send;
  readonly #limitBytes: number;
  readonly #pieces: Buffer[] = [];
  #open: string[] = [];
  #openBytes = 0;
  #queuedBytes = 0;
  #sending = false;
  #timer: NodeJS.Timeout | null = null;
  #idle: (() => void) | null = null;
  dropped = 0;

  constructor(send: Send, limitBytes = 1 << 20) {
    this.#send = send;
    this.#limitBytes = limitBytes;
  }

  /** Takes a line with its newline, or drops it. */
  add(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#queuedBytes + bytes > this.#limitBytes) {
      this.dropped++;
      return;
    }
    if (this.#openBytes + bytes > pieceBytes) this.#seal();
    this.#open.push(line);
    this.#openBytes += bytes;
    this.#queuedBytes += bytes;
    this.#timer ??= setTimeout(() => this.flush(), flushMs).unref();
  }

  /** Begins to write what there is. */
  flush(): void {
    this.#seal();
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Resolves when all is written, or when the sink has had its time. */
  async close(): Promise<void> {
    this.flush();
    if (!this.#sending) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const deadline = setTimeout(resolve, closeWithinMs);
    this.#idle = resolve;
    await promise;
    clearTimeout(deadline);
  }

  #seal(): void {
    if (this.#openBytes > 0) {
      this.#pieces.push(Buffer.from(this.#open.join('')));
      this.#open = [];
      this.#openBytes = 0;
    }
    this.#pump();
  }

  #pump(): void {
    if (this.#sending) return;
    const piece = this.#pieces.shift();
    if (!piece) {
      this.#idle?.();
      return;
    }
    this.#sending = true;
    this.#send(piece, () => {
      this.#sending = false;
      this.#queuedBytes -= piece.length;
      this.#pump();
    });
  }
}

/**
 * Writes to a file descriptor. A pipe that nobody reads must not hold one of the process's few file-system threads,
 * which the journal needs: pipes go by the event loop.
 */
export function sendTo(fd: number): Send {
  const kind = fstatSync(fd);
  if (!kind.isFIFO() && !kind.isSocket()) return (piece, done) => writeAll(fd, piece, done);
  const socket = new Socket({ fd, readable: false, writable: true });
  socket.unref();
  // A reader that went away: what comes later is lost, and that is all.
  socket.on('error', () => {});
  return (piece, done) => void socket.write(piece, () => done());
}

function writeAll(fd: number, piece: Buffer, done: () => void): void {
  write(fd, piece, (error, written) => {
    if (error || written >= piece.length) done();
    else writeAll(fd, piece.subarray(written), done);
  });
}
