import type { Clock } from '#core/contracts/clock.ts';
import type { Question, Reply, SignerServices } from '#core/contracts/signer.ts';
import type { Upstream, UpstreamRequest } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import type { Provider } from '#core/target.ts';
import { originOf } from './origin-of.ts';

const maxReplyBytes = 256 * 1024;
const timeouts = { connectMs: 5000, headerMs: 10_000, idleMs: 10_000, totalMs: 15_000 };

/** What the signer of a provider may use; its own proxy and trust are taken on the way to others, too. */
export const signerServices = (
  provider: Pick<Provider, 'proxy' | 'tls'>,
  { clock, upstream }: { readonly clock: Clock; readonly upstream: Upstream },
): SignerServices => ({
  clock,
  env: process.env,
  ask(question) {
    const { proxy, tls } = provider;
    const trust = tls && { ca: tls.ca, cert: null, key: null };
    const reach = question.local ? null : { proxy, tls: trust };
    const { origin, host, pathPrefix } = originOf(question.url, reach);
    return send(
      upstream,
      {
        origin,
        method: question.method,
        path: (pathPrefix || '/') + new URL(question.url).search,
        headers: ['host', host, 'accept-encoding', 'identity', ...question.headers],
        body: question.body === null ? null : Buffer.from(question.body),
        timeouts: {
          connectMs: question.local ? 1000 : timeouts.connectMs,
          responseHeaderMs: timeouts.headerMs,
          idleMs: timeouts.idleMs,
          totalMs: timeouts.totalMs,
        },
        idempotent: question.method === 'GET',
        upgrade: null,
      },
      question,
    );
  },
});

function send(upstream: Upstream, request: UpstreamRequest, { url }: Question): Promise<Reply> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let status = 0;
  const { host } = new URL(url);
  return new Promise((resolve, reject) => {
    const call = upstream.start(request, {
      onHead: (came) => void (status = came),
      onData(chunk) {
        bytes += chunk.length;
        if (bytes <= maxReplyBytes) return void chunks.push(Buffer.from(chunk));
        call.cancel();
        reject(
          new Fault(
            'upstream/credential',
            `${host} gave no credential: its answer is larger than one can be.`,
          ),
        );
      },
      onEnd: () => resolve({ status, body: Buffer.concat(chunks).toString('utf8') }),
      onFault: (fault) =>
        reject(
          new Fault('upstream/credential', `${host} gave no credential: ${fault.message}`, { cause: fault }),
        ),
    });
  });
}
