import { createHash } from 'node:crypto';
import type { Origin } from '#core/contracts/upstream.ts';
import type { Http2Use } from '#core/http2-use.ts';

export interface Reach {
  readonly proxy?: string | null;
  readonly tls?: Origin['tls'];
  readonly http2?: Http2Use | null;
  /** Of a member of a group. */
  readonly address?: string | null;
}

export interface Located {
  readonly origin: Origin;
  /** For the Host header. */
  readonly host: string;
  readonly pathPrefix: string;
}

/** Where a URL leads, and how it is reached. */
export function originOf(url: string, reach: Reach | null): Located {
  const parsed = new URL(url);
  const secure = parsed.protocol === 'https:';
  const port = parsed.port === '' ? (secure ? 443 : 80) : Number(parsed.port);
  const { proxy = null, tls = null, address = null, http2: wanted = null } = reach ?? {};
  // What is not encrypted has no handshake to choose in.
  const http2 = wanted === 'alpn' && !secure ? null : wanted;
  // Connections and sessions are shared only where address, proxy, trust and identity are the same: after a reload that
  // renews a certificate, or trusts another authority, what was opened before is not used again.
  const key = [
    parsed.protocol,
    parsed.host,
    proxy ?? '',
    tls ? digestOf(tls) : '',
    address ?? '',
    http2 ?? '',
  ].join('|');
  const origin = { key, secure, host: parsed.hostname, port, proxy, tls, ...(http2 && { http2 }) };
  return {
    origin: address === null ? origin : { ...origin, address },
    host: parsed.host,
    pathPrefix: parsed.pathname === '/' ? '' : parsed.pathname.replace(/\/$/, ''),
  };
}

const digestOf = (tls: NonNullable<Origin['tls']>): string =>
  createHash('sha256')
    .update(JSON.stringify([tls.ca, tls.cert, tls.key]))
    .digest('base64url');
