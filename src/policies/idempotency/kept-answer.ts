import { promisify } from 'node:util';
import { brotliDecompress, gunzip, zstdDecompress } from 'node:zlib';
import type { KeptEntry } from '#core/contracts/cache-store.ts';
import type { Exchange } from '#core/exchange.ts';
import { headerOf, withoutHeaders, type HeaderList } from '#core/head.ts';

/** What is kept of an answer beside its body. */
export interface AnswerHead {
  readonly status: number;
  readonly headers: HeaderList;
  readonly trailers: HeaderList;
}

export const renderHead = (head: AnswerHead): string => JSON.stringify(head);

const unpackers = {
  __proto__: null as never,
  gzip: promisify(gunzip),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
} as unknown as Readonly<Record<string, ((packed: Buffer) => Promise<Buffer>) | undefined>>;

/**
 * The answer that was given, to be given again: the bytes that it was, unless its upstream had packed it in a way that this request
 * does not take.
 * @throws Error when it cannot be unpacked.
 */
export async function answerOf(
  { about, value }: KeptEntry,
  { head }: Exchange,
): Promise<NonNullable<Exchange['shortAnswer']>> {
  const { status, headers, trailers } = JSON.parse(about) as AnswerHead;
  const replayed = ['idempotency-replayed', 'true'];
  const encoding = headerOf(headers, 'content-encoding')?.trim().toLowerCase();
  const unpack = encoding === undefined || takes(head.headers, encoding) ? undefined : unpackers[encoding];
  if (!unpack) return { status, headers: [...headers, ...replayed], body: value, trailers };
  const plain = withoutHeaders(headers, new Set(['content-encoding']));
  return { status, headers: [...plain, ...replayed], body: await unpack(value), trailers };
}

/** RFC 9110 §12.5.3, of one coding: named, or covered by `*`, and not refused by a weight of 0. */
function takes(headers: HeaderList, encoding: string): boolean {
  const weights = new Map<string, number>();
  for (const member of (headerOf(headers, 'accept-encoding') ?? '').toLowerCase().split(',')) {
    const [name = '', ...parameters] = member.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    weights.set(name, weight === undefined ? 1 : Number(weight.slice(2)));
  }
  return (weights.get(encoding) ?? weights.get('*') ?? 0) > 0;
}
