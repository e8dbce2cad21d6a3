import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import type { Transform } from 'node:stream';
import type { BodySink } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';

/** Takes compressed bytes, which are only lent to it, and gives plain ones to its sink. */
export interface Decoder {
  write(chunk: Buffer): void;
  end(): void;
}

/** For an upstream that compresses although it was asked not to (RFC 9110 §8.4). */
export function createDecoder(encoding: string, sink: BodySink): Decoder {
  const stream = transformFor(encoding);
  if (!stream) {
    const fault = new Fault(
      'upstream/malformed-answer',
      `The answer is encoded as "${encoding}", which was not asked for.`,
    );
    return { write() {}, end: () => sink.onFault(fault) };
  }
  stream.on('data', (chunk: Buffer) => sink.onData(chunk));
  stream.on('end', () => sink.onEnd());
  stream.on('error', (error) => {
    sink.onFault(
      new Fault('upstream/malformed-answer', `The answer is not valid ${encoding}.`, { cause: error }),
    );
  });
  return { write: (chunk) => void stream.write(Buffer.from(chunk)), end: () => void stream.end() };
}

function transformFor(encoding: string): Transform | null {
  switch (encoding.toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip({ flush: 2 });
    case 'deflate':
      return createInflate({ flush: 2 });
    case 'br':
      return createBrotliDecompress();
    case 'zstd':
      return createZstdDecompress();
    default:
      return null;
  }
}
