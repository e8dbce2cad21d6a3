import { constants, createBrotliCompress, createGzip, createZstdCompress } from 'node:zlib';
import type { BrotliCompress, Gzip, ZstdCompress } from 'node:zlib';
import type { AnswerEncoder, EncoderSink } from '#core/contracts/answer-encoder.ts';
import type { Encoding } from './accept-encoding.ts';

export type Level = 'fast' | 'balanced' | 'small';

const gzipLevels = { fast: 1, balanced: 6, small: 9 };
const brotliLevels = { fast: 1, balanced: 4, small: 9 };
const zstdLevels = { fast: 1, balanced: 3, small: 12 };
/** 256 KiB: what an answer under way keeps in memory is a small multiple of it. */
const brotliWindowLog = 18;
/** RFC 9659: no window above 8 MiB, which these levels do not reach; 1 MiB is ours. */
const zstdWindowLog = 20;

/** One answer through zlib, whose work is done outside this thread. */
export class ZlibEncoder implements AnswerEncoder {
  readonly #stream: Gzip | BrotliCompress | ZstdCompress;
  readonly #flushKind: number;
  #over = false;

  constructor(encoding: Encoding, level: Level, sink: EncoderSink) {
    const stream = streamFor(encoding, level);
    this.#stream = stream;
    this.#flushKind = flushKinds[encoding];
    stream.on('data', (chunk: Buffer) => sink.onData(chunk));
    stream.on('drain', () => {
      if (!this.#over) sink.onDrain();
    });
    stream.on('end', () => {
      this.#over = true;
      sink.onEnd();
    });
    stream.on('error', (error) => {
      if (this.#over) return;
      this.#over = true;
      sink.onError(error);
    });
  }

  write(chunk: Buffer): boolean {
    // Lent, and another thread reads it.
    return this.#over || this.#stream.write(Buffer.from(chunk));
  }

  flush(): void {
    if (!this.#over) this.#stream.flush(this.#flushKind);
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
}

const flushKinds = {
  gzip: constants.Z_SYNC_FLUSH,
  br: constants.BROTLI_OPERATION_FLUSH,
  zstd: constants.ZSTD_e_flush,
};

function streamFor(encoding: Encoding, level: Level): Gzip | BrotliCompress | ZstdCompress {
  switch (encoding) {
    case 'gzip':
      return createGzip({ level: gzipLevels[level] });
    case 'br':
      return createBrotliCompress({
        params: {
          [constants.BROTLI_PARAM_QUALITY]: brotliLevels[level],
          [constants.BROTLI_PARAM_LGWIN]: brotliWindowLog,
        },
      });
    case 'zstd':
      return createZstdCompress({
        params: {
          [constants.ZSTD_c_compressionLevel]: zstdLevels[level],
          [constants.ZSTD_c_windowLog]: zstdWindowLog,
        },
      });
  }
}
