import { createHash } from 'node:crypto';
import type { Exchange } from '#core/exchange.ts';
import { headerOf } from '#core/head.ts';
import { withoutParameter } from '#core/query.ts';

/**
 * What is asked, in one hash: method, host (where it decides what is asked for: not of models), canonical path and query, dialect
 * and body. The key in a query is not part of it.
 */
export function fingerprintOf(exchange: Exchange): string {
  const { head, brief, dialectName, consumedParameter: used } = exchange;
  const query = used === null ? head.query : withoutParameter(head.query, used);
  const hash = createHash('sha256');
  for (const part of [head.method, brief === null ? head.host : '', head.path, query, dialectName])
    hash.update(`${Buffer.byteLength(part)}:${part}`);
  for (const piece of piecesOf(exchange)) hash.update(piece);
  return hash.digest('hex');
}

/** A form's boundary is made anew for each request that carries it: it says nothing. */
function piecesOf({ head, body }: Exchange): readonly Buffer[] {
  if (body === null) return [];
  const type = headerOf(head.headers, 'content-type') ?? '';
  const found = /^multipart\/.*;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(type);
  const boundary = found?.[1] ?? found?.[2];
  if (boundary === undefined) return [body];
  const pieces: Buffer[] = [];
  let at = 0;
  for (let next = body.indexOf(boundary); next >= 0; next = body.indexOf(boundary, at)) {
    pieces.push(body.subarray(at, next), neutral);
    at = next + boundary.length;
  }
  return [...pieces, body.subarray(at)];
}

const neutral = Buffer.from('\0boundary\0');
