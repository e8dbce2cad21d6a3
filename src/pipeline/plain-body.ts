import { brotliDecompress, constants, gunzip, zstdDecompress, type InputType } from 'node:zlib';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { HeaderList } from '#core/head.ts';

interface Bound {
  readonly maxOutputLength: number;
  readonly rejectGarbageAfterEnd: true;
}
type Done = (error: Error | null, plain: Buffer) => void;

/** RFC 9659: a window of 8 MiB is all that a sender may ask for. */
const zstdParams = { [constants.ZSTD_d_windowLogMax]: 23 };

const unpackers: Readonly<Record<string, (packed: InputType, bound: Bound, done: Done) => void>> = {
  __proto__: null as never,
  gzip: gunzip,
  'x-gzip': gunzip,
  br: brotliDecompress,
  zstd: (packed, bound, done) => zstdDecompress(packed, { ...bound, params: zstdParams }, done),
};

/**
 * A request's whole body, unpacked (RFC 9110 §8.4): one coding at most, and no more bytes than the route allows, packed or
 * plain. `requestBytes` are those that came.
 * @throws Fault 415 for codings that are not taken, 413 and 400 for what comes out of one.
 */
export async function readPlainBody(exchange: Exchange, limitBytes: number): Promise<Buffer> {
  return (await readBody(exchange, limitBytes)).plain;
}

/** The same, beside the body as it came. */
export async function readBody(
  exchange: Exchange,
  limitBytes: number,
): Promise<{ readonly came: Buffer; readonly plain: Buffer }> {
  // What cannot be unpacked need not be read.
  unpackerOf(exchange);
  const bytes = await exchange.inbound.readBody(limitBytes);
  if (!exchange.rewritten) exchange.requestBytes = bytes.length;
  return { came: bytes, plain: await unpackBody(exchange, bytes, limitBytes) };
}

/** A body that was read already. @throws Fault as `readPlainBody`. */
export async function unpackBody(exchange: Exchange, bytes: Buffer, limitBytes: number): Promise<Buffer> {
  const { encoding, unpack } = unpackerOf(exchange);
  if (unpack === null) return bytes;
  return new Promise<Buffer>((resolve, reject) => {
    const bound = { maxOutputLength: Math.max(1, limitBytes), rejectGarbageAfterEnd: true } as const;
    unpack(bytes, bound, (error, plain) => {
      if (error === null) resolve(plain);
      else reject(faultOf(error, encoding, limitBytes));
    });
  });
}

/** @throws Fault 415 */
function unpackerOf({ head, rewritten }: Exchange) {
  const encoding = rewritten ? '' : encodingOf(head.headers);
  const unpack = encoding === '' ? null : unpackers[encoding];
  if (unpack !== undefined) return { encoding, unpack };
  const message = `The body is encoded as "${encoding.slice(0, 100)}". Send it in one of gzip, br and zstd, or as it is.`;
  const headers = ['accept-encoding', 'gzip, br, zstd'];
  throw new Fault('request/invalid-field', message, { status: 415, field: 'content-encoding', headers });
}

/** Empty for none. Several lines are one list (RFC 9110 §5.3). */
function encodingOf(headers: HeaderList): string {
  const lines: string[] = [];
  for (let i = 0; i < headers.length; i += 2)
    if (headers[i] === 'content-encoding') lines.push(headers[i + 1]!.trim().toLowerCase());
  const encoding = lines.join(', ');
  return encoding === 'identity' ? '' : encoding;
}

function faultOf(error: Error, encoding: string, limitBytes: number): Fault {
  if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
    const message = `Unpacked, the body is larger than the ${limitBytes} bytes this route allows.`;
    return new Fault('request/body-too-large', message);
  }
  const message = `The body is not valid ${encoding}, which its Content-Encoding says it is.`;
  return new Fault('request/invalid-field', message, { field: 'content-encoding', cause: error });
}
