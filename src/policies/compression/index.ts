import type { EncodedAnswer, PlainAnswer } from '#core/contracts/answer-encoder.ts';
import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { chooseEncoding, type Encoding } from './accept-encoding.ts';
import { isEligible } from './eligible.ts';
import type { CompressionSettings } from './schema.ts';
import { ZlibEncoder } from './zlib-encoder.ts';

/** Compresses answers by what the client accepts. */
export const compression: PolicyKind<CompressionSettings> = {
  name: 'compression',
  create: (settings) => createCompression(settings),
};

const usualEncodings: readonly Encoding[] = ['zstd', 'br', 'gzip'];
const usualTypes = [
  'text/*',
  'application/json',
  'application/x-ndjson',
  'application/xml',
  'application/javascript',
  'application/wasm',
  '+json',
  '+xml',
];
const usualMinBytes = 1024;

function createCompression(settings: CompressionSettings): Policy {
  const encodings = settings.encodings ?? usualEncodings;
  const choice = {
    types: new Set(settings.types ?? usualTypes),
    minBytes: settings.minBytes ?? usualMinBytes,
  };
  const level = settings.level ?? 'balanced';
  return {
    name: 'compression',
    summary: `${encodings.join(', ')} for answers of ${choice.minBytes} bytes and more, ${level}`,
    encodeAnswer(exchange, plain): EncodedAnswer | null {
      if (plain.status === 304) return revalidated(exchange, plain);
      if (!isEligible(exchange.head, plain, choice)) return null;
      const encoding = chooseEncoding(exchange.head.headers, encodings);
      const headers = encodedHeaders(plain.headers, encoding);
      // Nothing of HEAD's answer is to be encoded, but it speaks of what GET would get.
      if (encoding === null || exchange.head.method === 'HEAD') return { headers, open: null };
      return {
        headers: [...headers, 'content-encoding', encoding],
        open: (sink) => new ZlibEncoder(encoding, level, sink),
      };
    },
  };
}

/** A cache must know what the answer depends on; two forms of one thing are the same only in meaning (§8.8.1). */
function encodedHeaders(headers: HeaderList, encoding: Encoding | null): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    const value = headers[i + 1]!;
    if (encoding !== null) {
      // Ranges would be of the plain bytes.
      if (name === 'content-length' || name === 'content-encoding' || name === 'accept-ranges') continue;
      if (name === 'etag') {
        kept.push(name, weak(value));
        continue;
      }
    }
    kept.push(name, value);
  }
  if (!varies(kept)) kept.push('vary', 'Accept-Encoding');
  return kept;
}

/**
 * Who asks whether `W/"x"` is fresh has got it from here. A strong `"x"` in the 304 would be the validator of another
 * answer, and what is stored would not be used again (RFC 9111 §4.3.4).
 */
function revalidated({ head }: Exchange, { headers }: PlainAnswer): EncodedAnswer | null {
  const tag = headerOf(headers, 'etag');
  const asked = headerOf(head.headers, 'if-none-match');
  if (tag === undefined || asked === undefined || tag.startsWith('W/')) return null;
  if (!asked.split(',').some((member) => member.trim() === weak(tag))) return null;
  const changed = headers.map((value, i) => (i % 2 === 1 && headers[i - 1] === 'etag' ? weak(value) : value));
  if (!varies(changed)) changed.push('vary', 'Accept-Encoding');
  return { headers: changed, open: null };
}

const weak = (tag: string): string => (tag.startsWith('W/') ? tag : `W/${tag}`);

function varies(headers: HeaderList): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'vary') continue;
    const names = headers[i + 1]!.toLowerCase().split(',');
    if (names.some((name) => name.trim() === 'accept-encoding' || name.trim() === '*')) return true;
  }
  return false;
}
