import type { Ask, Question, Reply } from '#core/contracts/ask.ts';
import type { Upstream, UpstreamRequest } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import type { HeaderList } from '#core/head.ts';
import { originOf, type Reach } from './origin-of.ts';

const usualMaxBytes = 256 * 1024;
const usualDeadlineMs = 15_000;
const connectMs = 5000;
const localConnectMs = 1000;

/** Asks other servers by the gateway's own client; `reach`: through this proxy, and trusting these authorities, too. */
export const createAsk =
  (upstream: Upstream, reach: Pick<Reach, 'proxy' | 'tls'> | null = null): Ask =>
  (question) => {
    const { url, method, headers, body, local, ca } = question;
    const trusted = [reach?.tls?.ca, ca].filter((pem) => pem !== undefined && pem !== null);
    const tls = trusted.length > 0 ? { ca: trusted.join('\n'), cert: null, key: null } : null;
    const { origin, host } = originOf(url, local ? null : { proxy: reach?.proxy ?? null, tls });
    const { pathname, search } = new URL(url);
    const totalMs = question.deadlineMs ?? usualDeadlineMs;
    const timeouts = {
      connectMs: Math.min(local ? localConnectMs : connectMs, totalMs),
      responseHeaderMs: 0,
      idleMs: 0,
      totalMs,
    };
    const request: UpstreamRequest = {
      origin,
      method,
      path: pathname + search,
      headers: ['host', host, 'accept-encoding', 'identity', ...headers],
      body: body === null ? null : Buffer.from(body),
      timeouts,
      idempotent: question.repeatable ?? method === 'GET',
      upgrade: null,
    };
    return send(upstream, request, question);
  };

function send(
  upstream: Upstream,
  request: UpstreamRequest,
  { maxBytes = usualMaxBytes }: Question,
): Promise<Reply> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let status = 0;
  let headers: HeaderList = [];
  return new Promise((resolve, reject) => {
    const call = upstream.start(request, {
      onHead(came, fields) {
        status = came;
        headers = fields;
      },
      onData(chunk) {
        bytes += chunk.length;
        if (bytes <= maxBytes) return void chunks.push(Buffer.from(chunk));
        call.cancel();
        reject(new Fault('upstream/protocol', `Its answer is larger than ${maxBytes} bytes.`));
      },
      onEnd: () => resolve({ status, headers, body: Buffer.concat(chunks).toString('utf8') }),
      onFault: reject,
    });
  });
}
