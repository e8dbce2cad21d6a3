import type { Origin, Upstream } from '#core/contracts/upstream.ts';
import { retryAfterMs } from '#core/retry-after.ts';
import { originOf } from './origin-of.ts';

export interface Letter {
  readonly url: string;
  readonly tls?: Origin['tls'];
  readonly headers: readonly string[];
  readonly body: Buffer;
  readonly timeoutMs: number;
}

export interface Reply {
  /** 0: none came. */
  readonly status: number;
  /** Why none came; null: one did. */
  readonly fault: string | null;
  readonly retryAfterMs: number | null;
  /** As much of it as is of use. */
  readonly body: Buffer;
}

const mostKeptBytes = 64 * 1024;

/** Posts something to a place of the operator's. Redirects are not followed: the address is the operator's word. Never rejects. */
export function postTo(
  upstream: Upstream,
  { url, tls, headers, body, timeoutMs: ms }: Letter,
): Promise<Reply> {
  const { origin, host } = originOf(url, { tls: tls ?? null });
  const { pathname, search } = new URL(url);
  return new Promise((resolve) => {
    let status = 0;
    let waitMs: number | null = null;
    let keptBytes = 0;
    const kept: Buffer[] = [];
    const reply = (fault: string | null) =>
      resolve({ status, fault, retryAfterMs: waitMs, body: Buffer.concat(kept) });
    upstream.start(
      {
        origin,
        method: 'POST',
        path: pathname + search,
        headers: ['host', host, ...headers],
        body,
        timeouts: { connectMs: ms, responseHeaderMs: ms, idleMs: ms, totalMs: ms },
        // Whoever takes records of what happened can tell one that comes twice.
        idempotent: true,
        upgrade: null,
      },
      {
        onHead(code, given) {
          status = code;
          waitMs = retryAfterMs(given, Date.now());
        },
        onData(chunk) {
          if (keptBytes + chunk.length > mostKeptBytes) return;
          keptBytes += chunk.length;
          kept.push(Buffer.from(chunk));
        },
        onEnd: () => reply(null),
        onFault: (fault) => reply(fault.code),
      },
    );
  });
}
