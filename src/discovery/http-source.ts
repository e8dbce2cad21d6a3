import { checkMemberList } from '#config/member-list.ts';
import type { Origin, Upstream } from '#core/contracts/upstream.ts';
import type { HttpSource } from '#core/discovery.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import type { Source } from './source.ts';

const maxBytes = 1 << 20;

export interface HttpParts {
  readonly upstream: Upstream;
  /** Where a URL leads. */
  locate(url: string): { readonly origin: Origin; readonly host: string };
}

/** A JSON list behind a URL. What has not changed since, by its ETag, is not sent again (RFC 9110 §13.1.2). */
export function openHttpSource(spec: HttpSource, parts: HttpParts): Source {
  let etag: string | null = null;
  let cancel: () => void = () => {};
  return {
    async ask() {
      const answer = await get(spec, { parts, etag, onStart: (stop) => (cancel = stop) });
      const againInMs = spec.everyMs;
      if (answer.status === 304 && etag !== null) return { members: null, againInMs };
      if (answer.status !== 200)
        throw new Error(`${spec.url}: expected status 200, got ${answer.status}${hintOf(answer.status)}`);
      let value: unknown;
      try {
        value = JSON.parse(answer.body);
      } catch (error) {
        throw new Error(
          `${spec.url}: expected a JSON list, got something else (${(error as Error).message})`,
          {
            cause: error,
          },
        );
      }
      const members = checkMemberList(value);
      // Only now: what was refused is to be sent again.
      etag = headerOf(answer.headers, 'etag') ?? null;
      return { members, againInMs };
    },
    close: () => cancel(),
  };
}

const hintOf = (status: number) => (status >= 300 && status < 400 ? '; redirects are not followed' : '');

interface Answered {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: string;
}

function get(
  spec: HttpSource,
  { parts, etag, onStart }: { parts: HttpParts; etag: string | null; onStart(stop: () => void): void },
): Promise<Answered> {
  const { origin, host } = parts.locate(spec.url);
  const { pathname, search } = new URL(spec.url);
  const ms = spec.timeoutMs;
  return new Promise((resolve, reject) => {
    let status = 0;
    let headers: HeaderList = [];
    const chunks: Buffer[] = [];
    let bytes = 0;
    const own = ['host', host, 'accept', 'application/json', 'accept-encoding', 'identity'];
    const call = parts.upstream.start(
      {
        origin,
        method: 'GET',
        path: pathname + search,
        headers: [...own, ...(etag === null ? [] : ['if-none-match', etag]), ...spec.headers],
        body: null,
        timeouts: { connectMs: ms, responseHeaderMs: ms, idleMs: ms, totalMs: ms },
        idempotent: true,
        upgrade: null,
      },
      {
        onHead: (code, fields) => ([status, headers] = [code, fields]),
        onData(chunk) {
          bytes += chunk.length;
          if (bytes <= maxBytes) return void chunks.push(Buffer.from(chunk));
          call.cancel();
          reject(new Error(`${spec.url}: expected at most 1 MiB`));
        },
        onEnd: () => resolve({ status, headers, body: Buffer.concat(chunks).toString() }),
        onFault: (fault) => reject(new Error(`${spec.url}: ${reasonOf(fault.code, ms)}`, { cause: fault })),
      },
    );
    onStart(() => {
      call.cancel();
      reject(new Error('closed'));
    });
  });
}

const reasonOf = (code: string, ms: number) =>
  code.endsWith('timeout')
    ? `expected an answer within ${ms} ms, got none`
    : `expected an answer, got ${code}`;
