import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib';
import type { Transform } from 'node:stream';
import { Fault } from '#core/fault.ts';

/** Takes compressed bytes and gives plain ones to its sink, at the sink's pace. */
export interface Decoder {
  /** False when it has enough for now: stop until the sink's `onDrain`. The chunk is only lent. */
  write(chunk: Buffer): boolean;
  end(): void;
  /** Gives back what it holds, at once; the sink hears nothing more. Harmless when it is over. */
  destroy(): void;
  /** Stop and start what comes out. */
  pause(): void;
  resume(): void;
}

/** Exactly one of `onEnd` and `onFault` comes, and comes last; never before `createDecoder` has returned. */
export interface DecoderSink {
  onData(chunk: Buffer): void;
  onDrain(): void;
  onEnd(): void;
  onFault(fault: Fault): void;
}

/** So much comes out of any answer; no answer of a model is longer. */
const maxPlainBytes = 256 * 1024 * 1024;
/** Beyond the first 4 MiB more than this for each byte is no text: what models say shrinks to a tenth, events to less. */
const unsuspectedBytes = 4 * 1024 * 1024;
const maxRatio = 100;
/** RFC 9659: a window of 8 MiB is all that a sender may ask for. */
const maxZstdWindowLog = 23;

/**
 * For an upstream that compresses although it was asked not to (RFC 9110 §8.4). Null: an encoding nobody knows here.
 * @param encoding In lower case.
 */
export function createDecoder(encoding: string, sink: DecoderSink): Decoder | null {
  const stream = transformFor(encoding);
  return stream && new ZlibDecoder(stream, encoding, sink);
}

class ZlibDecoder implements Decoder {
  readonly #stream: Transform;
  readonly #sink: DecoderSink;
  #packedBytes = 0;
  #plainBytes = 0;
  #over = false;

  constructor(stream: Transform, encoding: string, sink: DecoderSink) {
    this.#stream = stream;
    this.#sink = sink;
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('drain', () => {
      if (!this.#over) sink.onDrain();
    });
    stream.on('end', () => {
      if (this.#over) return;
      this.#over = true;
      sink.onEnd();
    });
    stream.on('error', (error) => this.#fail(`The answer is not valid ${encoding}.`, error));
  }

  write(chunk: Buffer): boolean {
    if (this.#over) return true;
    this.#packedBytes += chunk.length;
    // Another thread reads it.
    return this.#stream.write(Buffer.from(chunk));
  }

  end(): void {
    if (!this.#over) this.#stream.end();
  }

  destroy(): void {
    this.#over = true;
    this.#stream.destroy();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  #take(chunk: Buffer): void {
    if (this.#over) return;
    this.#plainBytes += chunk.length;
    const bound = Math.min(maxPlainBytes, Math.max(unsuspectedBytes, this.#packedBytes * maxRatio));
    if (this.#plainBytes > bound)
      return this.#fail(`The answer grew to more than ${bound} bytes when it was unpacked.`);
    this.#sink.onData(chunk);
  }

  #fail(message: string, cause?: Error): void {
    if (this.#over) return;
    this.destroy();
    this.#sink.onFault(new Fault('upstream/malformed-answer', message, cause ? { cause } : {}));
  }
}

function transformFor(encoding: string): Transform | null {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip({ flush: constants.Z_SYNC_FLUSH });
    case 'deflate':
      return createInflate({ flush: constants.Z_SYNC_FLUSH });
    case 'br':
      return createBrotliDecompress();
    case 'zstd':
      return createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: maxZstdWindowLog } });
    default:
      return null;
  }
}
