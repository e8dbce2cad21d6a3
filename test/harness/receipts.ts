import { join } from 'node:path';
import { renderReceipt } from '../../src/ledger/journal/record.ts';
import { readLedger } from '../../src/ledger/store/offline.ts';
import type { TestGateway } from './gateway.ts';
import { testKey } from './gateway.ts';

/** A receipt as the admin API gives it: amounts are decimal strings of nano-units. */
export interface StoredReceipt {
  readonly id: string;
  readonly outcome: string;
  readonly status: number;
  readonly fault: string | null;
  readonly requestedModel: string | null;
  readonly overdraft?: readonly {
    readonly limit: string;
    readonly amount: number;
    readonly currency?: string;
  }[];
  readonly attempts: readonly StoredAttempt[];
}

export interface StoredAttempt {
  readonly number: number;
  readonly provider: string;
  readonly model: string;
  readonly status: number;
  readonly fault: string | null;
  readonly usageSource: string | null;
  readonly rawUsage: Record<string, unknown> | null;
  readonly flags: readonly string[];
  readonly lines: readonly {
    readonly line: { direction: string; cache: string; kind: string; count: number };
    readonly costNano: string;
    readonly priceNano?: string;
  }[];
  readonly units?: readonly { unit: string; count: number; costNano: string; priceNano?: string }[];
  readonly priceVersion: string | null;
  readonly charge?: { readonly version: string; readonly currency: string };
  readonly serviceTier?: string;
  readonly reportedCostNano?: string;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The receipt of one exchange, as soon as it is on the books; ten seconds at most. */
export async function receiptOf(gateway: TestGateway, id: string): Promise<StoredReceipt> {
  for (const until = Date.now() + 10_000; Date.now() < until; await pause(25)) {
    const answer = await gateway.admin(`/v1/receipts/${id}`);
    if (answer.ok) return (await answer.json()) as StoredReceipt;
  }
  throw new Error(`no receipt of ${id}`);
}

/** Counts by class, such as `{ input: 8, 'input/read': 2, output: 3, 'output/reasoning': 1 }`; nothing for zero. */
export function countsOf(attempt: StoredAttempt): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { line } of attempt.lines) {
    const rest = [line.cache, line.kind].filter((word) => word !== 'none' && word !== 'plain');
    const name = [line.direction, ...rest].join('/');
    if (line.count > 0) counts[name] = (counts[name] ?? 0) + line.count;
  }
  return counts;
}

export const dialects = {
  chat: { path: '/v1/chat/completions', headers: {} },
  messages: { path: '/v1/messages', headers: { 'anthropic-version': '2023-06-01' } },
} as const;
export type DialectName = keyof typeof dialects;

export interface Ask {
  readonly dialect: DialectName;
  readonly model: string;
  /** What the simulator is to do. */
  readonly script: object;
  readonly stream?: boolean;
  /** More fields of the body. */
  readonly body?: object;
  readonly signal?: AbortSignal;
}

/** Sends one call and returns the response, whose body nobody has read. */
export function send(gateway: TestGateway, ask: Ask): Promise<Response> {
  const { path, headers } = dialects[ask.dialect];
  const body = {
    model: ask.model,
    stream: ask.stream ?? true,
    max_tokens: 1_000,
    messages: [{ role: 'user', content: `simulate:${JSON.stringify(ask.script)}` }],
    ...ask.body,
  };
  return fetch(`${gateway.url}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json', ...headers },
    ...(ask.signal ? { signal: ask.signal } : {}),
  });
}

/** The same, to its end: the answer's text and what is on the books. */
export async function settled(
  gateway: TestGateway,
  ask: Ask,
): Promise<{ status: number; text: string; receipt: StoredReceipt; last: StoredAttempt }> {
  const answer = await send(gateway, ask);
  const text = await answer.text();
  const receipt = await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!);
  return { status: answer.status, text, receipt, last: receipt.attempts.at(-1)! };
}

/** All that are on the books of a state directory, as JSON. */
export function bodiesIn(stateDirectory: string): string[] {
  const ledger = readLedger(join(stateDirectory, 'ledger.db'));
  try {
    return [...ledger.export({})].map((receipt) => renderReceipt(receipt));
  } finally {
    ledger.close();
  }
}
