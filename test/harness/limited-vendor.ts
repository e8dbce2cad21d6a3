import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface VendorLimits {
  readonly requests: number;
  readonly windowMs: number;
  /** `window`: all of it is free again when a window begins. `bucket`: it comes back evenly. */
  readonly renews: 'window' | 'bucket';
  readonly latencyMs: number;
}

export interface LimitedVendor {
  readonly url: string;
  readonly served: number;
  readonly refused: number;
  close(): Promise<void>;
}

/** A vendor of OpenAI's dialect that limits requests by key and model, as vendors do, and says what is left. */
export async function startLimitedVendor(limits: VendorLimits): Promise<LimitedVendor> {
  const { requests, windowMs, renews, latencyMs } = limits;
  const perMs = requests / windowMs;
  let served = 0;
  let refused = 0;
  let left = requests;
  let atMs = performance.now();
  const renew = () => {
    const nowMs = performance.now();
    if (renews === 'bucket') {
      left = Math.min(requests, left + (nowMs - atMs) * perMs);
      atMs = nowMs;
    } else if (nowMs - atMs >= windowMs) {
      left = requests;
      atMs += Math.floor((nowMs - atMs) / windowMs) * windowMs;
    }
  };
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      renew();
      const isServed = left >= 1;
      if (isServed) left -= 1;
      const wholeMs = renews === 'bucket' ? (requests - left) / perMs : atMs + windowMs - performance.now();
      const headers = {
        'content-type': 'application/json',
        'x-ratelimit-limit-requests': String(requests),
        'x-ratelimit-remaining-requests': String(Math.floor(left)),
        'x-ratelimit-reset-requests': `${Math.ceil(wholeMs)}ms`,
      };
      if (isServed) {
        served++;
        const body = {
          ...{ id: `c${served}`, object: 'chat.completion', created: 1, model: 'm' },
          choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
          usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
        };
        setTimeout(() => response.writeHead(200, headers).end(JSON.stringify(body)), latencyMs);
      } else {
        refused++;
        const waitMs = renews === 'bucket' ? (1 - left) / perMs : wholeMs;
        const retryAfter = String(Math.max(1, Math.ceil(waitMs / 1000)));
        const error = { message: 'Rate limit reached', type: 'requests', code: 'rate_limit_exceeded' };
        response.writeHead(429, { ...headers, 'retry-after': retryAfter }).end(JSON.stringify({ error }));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get served() {
      return served;
    },
    get refused() {
      return refused;
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
