import type { Origin, Upstream } from '#core/contracts/upstream.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { retryAfterMs } from '#core/retry-after.ts';
import type { WebhookPlan } from '#core/webhook.ts';

/** What became of a try. */
export type PostResult =
  | { readonly kind: 'taken' }
  /** 410: nobody there wants anything any more. */
  | { readonly kind: 'gone' }
  /** It will not be taken as it is, however often it is sent. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs: number | null };

export interface PostParts {
  readonly upstream: Upstream;
  /** Where a webhook leads. */
  locate(webhook: WebhookPlan): { readonly origin: Origin; readonly host: string };
  nowMs(): number;
}

/** Bytes of an answer that are waited for: what it says beyond its status is nobody's concern. */
const maxAnswerBytes = 64 * 1024;
/** Statuses that are about what was sent, not about when or by whom. */
const refusals = [400, 405, 406, 411, 413, 414, 415, 422, 431];

/** Sends one message once. Never rejects. Redirects are not followed: the address is the operator's word. */
export function postOnce(
  webhook: WebhookPlan,
  { headers, body }: { readonly headers: HeaderList; readonly body: Buffer },
  { parts, signal }: { readonly parts: PostParts; readonly signal: AbortSignal },
): Promise<PostResult> {
  const { origin, host } = parts.locate(webhook);
  const { pathname, search } = new URL(webhook.url);
  const ms = webhook.timeoutMs;
  return new Promise((resolve) => {
    let status = 0;
    let answered: HeaderList = [];
    let bytes = 0;
    const call = parts.upstream.start(
      {
        origin,
        method: 'POST',
        path: pathname + search,
        headers: ['host', host, 'accept-encoding', 'identity', ...headers],
        body,
        timeouts: { connectMs: ms, responseHeaderMs: ms, idleMs: ms, totalMs: ms },
        // Whoever receives it knows it again by its id.
        idempotent: true,
        upgrade: null,
      },
      {
        onHead: (code, fields) => ([status, answered] = [code, fields]),
        onData(chunk) {
          bytes += chunk.length;
          if (bytes <= maxAnswerBytes) return;
          call.cancel();
          end();
        },
        onEnd: () => end(),
        onFault(fault) {
          end({ kind: 'failed', reason: wordsOf(fault.code, ms), retryAfterMs: null });
        },
      },
    );
    const abort = () => {
      call.cancel();
      end({ kind: 'failed', reason: 'given up on the way', retryAfterMs: null });
    };
    const end = (result = judge(status, answered, parts.nowMs())) => {
      signal.removeEventListener('abort', abort);
      resolve(result);
    };
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
  });
}

function judge(status: number, headers: HeaderList, nowMs: number): PostResult {
  if (status >= 200 && status < 300) return { kind: 'taken' };
  if (status === 410) return { kind: 'gone' };
  const location = status >= 300 && status < 400 && headerOf(headers, 'location') !== undefined;
  const reason = `status ${status}${location ? '; redirects are not followed' : ''}`;
  if (refusals.includes(status)) return { kind: 'refused', reason };
  return { kind: 'failed', reason, retryAfterMs: retryAfterMs(headers, nowMs) };
}

const wordsOf = (code: string, ms: number) =>
  code.endsWith('timeout') ? `no answer within ${ms} ms` : `no answer (${code})`;
