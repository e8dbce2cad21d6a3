import { connect } from 'node:net';
import type { ActiveHealth, HttpProbe } from '#core/active-health.ts';
import type { Origin, Upstream } from '#core/contracts/upstream.ts';
import type { FaultCode } from '#core/fault.ts';

/** What a check came to. Bounded: it is a label. */
export type CheckResult = 'ok' | 'timeout' | 'connect' | 'tls' | 'closed' | 'protocol' | 'status' | 'body';

export interface Checked {
  readonly result: CheckResult;
  /** In words; null for `ok`. */
  readonly reason: string | null;
}

const maxBodyBytes = 64 * 1024;
const ok: Checked = { result: 'ok', reason: null };

export interface Place {
  readonly origin: Origin;
  readonly host: string;
}

/** Asks once. Never rejects. The second value ends it early; nothing comes after that. */
export function probe(
  health: ActiveHealth,
  place: Place,
  upstream: Upstream,
): [Promise<Checked>, () => void] {
  const { promise, resolve } = Promise.withResolvers<Checked>();
  const stop =
    health.probe.kind === 'tcp'
      ? probeTcp(health, place.origin, resolve)
      : probeHttp({ health, probe: health.probe, place, upstream }, resolve);
  return [promise, stop];
}

function probeTcp({ timeoutMs }: ActiveHealth, origin: Origin, done: (checked: Checked) => void): () => void {
  const { port } = origin;
  const host = origin.address ?? origin.host.replace(/^\[|\]$/g, '');
  const socket = connect({ host, port });
  const late = setTimeout(
    () => finish({ result: 'timeout', reason: `no connection within ${timeoutMs} ms` }),
    timeoutMs,
  );
  const finish = (checked: Checked) => {
    clearTimeout(late);
    socket.destroy();
    done(checked);
  };
  socket.once('connect', () => finish(ok));
  socket.on('error', (error: NodeJS.ErrnoException) =>
    finish({ result: 'connect', reason: `no connection (${error.code ?? error.message})` }),
  );
  return () => {
    clearTimeout(late);
    socket.destroy();
  };
}

interface HttpCheck {
  readonly health: ActiveHealth;
  readonly probe: HttpProbe;
  readonly place: Place;
  readonly upstream: Upstream;
}

function probeHttp({ health, probe: wish, place, upstream }: HttpCheck, done: (checked: Checked) => void) {
  const ms = health.timeoutMs;
  const chunks: Buffer[] = [];
  let bytes = 0;
  const hasHost = wish.headers.some((name, i) => i % 2 === 0 && name === 'host');
  const call = upstream.start(
    {
      origin: place.origin,
      method: wish.method,
      path: wish.path,
      headers: [...(hasHost ? [] : ['host', place.host]), 'user-agent', 'sluice-health', ...wish.headers],
      body: null,
      timeouts: { connectMs: ms, responseHeaderMs: ms, idleMs: ms, totalMs: ms },
      idempotent: wish.method === 'GET' || wish.method === 'HEAD',
      upgrade: null,
    },
    {
      onHead(status) {
        if (wish.statuses.some(([from, to]) => status >= from && status <= to)) return;
        call.cancel();
        done({ result: 'status', reason: `answered with status ${status}` });
      },
      onData(chunk) {
        if (wish.bodyContains === null) return;
        const room = maxBodyBytes - bytes;
        if (room > 0) chunks.push(Buffer.from(chunk.subarray(0, room)));
        bytes += chunk.length;
        if (bytes < maxBodyBytes) return;
        call.cancel();
        judge();
      },
      onEnd: () => judge(),
      onFault: ({ code }) => done({ result: resultOf(code), reason: wordsOf(code, ms) }),
    },
  );
  const judge = () => {
    const good = wish.bodyContains === null || Buffer.concat(chunks).includes(wish.bodyContains);
    done(good ? ok : { result: 'body', reason: `its body does not contain "${wish.bodyContains}"` });
  };
  return () => call.cancel();
}

function resultOf(code: FaultCode): CheckResult {
  if (code.endsWith('timeout')) return 'timeout';
  switch (code) {
    case 'upstream/connect':
      return 'connect';
    case 'upstream/tls':
      return 'tls';
    case 'upstream/closed':
      return 'closed';
    default:
      return 'protocol';
  }
}

const wordsOf = (code: string, ms: number) =>
  code.endsWith('timeout') ? `no answer within ${ms} ms` : `no answer (${code})`;
