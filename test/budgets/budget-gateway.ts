import assert from 'node:assert/strict';
import type { Policy } from '#core/contracts/policy.ts';
import { headerOf } from '#core/head.ts';
import type { Receipt } from '#core/receipt.ts';
import { totalsOf } from '#core/usage.ts';
import { officialReaders, type Reading } from '../conformance/dialect/official-readers.ts';
import { dialectClients, type Wish } from '../harness/dialect-clients.ts';
import { everyDialect } from '../harness/every-dialect.ts';
import { startInProcess, type InProcessGateway } from '../harness/in-process-gateway.ts';
import { allowanceOf } from './paid-stream.ts';

/** What a call is allowed, in tokens. */
export interface Allowed {
  readonly first: number;
  readonly leases?: readonly number[];
  /** Do they take a while? */
  readonly isLate?: boolean;
  readonly clamp?: number | null;
}

/** Gives each call the allowance that its header names. */
const policy: Policy = {
  name: 'test-allowance',
  summary: 'an allowance of the test',
  onCall(exchange) {
    const wish = headerOf(exchange.head.headers, 'x-test-allowance');
    if (wish === undefined) return;
    const { first, leases = [], isLate = false, clamp = null } = JSON.parse(wish) as Allowed;
    exchange.allowance = allowanceOf(first, leases, { isLate, clampTokens: clamp });
  },
};

export type Simulator = NonNullable<Awaited<ReturnType<typeof everyDialect>>['simulator']>;

export interface BudgetGateway extends InProcessGateway {
  readonly simulator: Simulator;
}

/** A gateway with a provider of each dialect, whose calls are allowed what their headers say. */
export async function startBudgetGateway(more: object = {}): Promise<BudgetGateway> {
  const { simulator, config } = await everyDialect();
  const document = { ...config, log: { access: false }, policies: [], ...more };
  const gateway = await startInProcess(document, policy);
  return {
    ...gateway,
    simulator: simulator!,
    async stop() {
      await gateway.stop();
      await simulator!.close();
    },
  };
}

export const allowing = (allowed: Allowed) => ({ 'x-test-allowance': JSON.stringify(allowed) });

export const script = (options: object): string => `simulate:${JSON.stringify(options)}`;

export function send(
  gateway: BudgetGateway,
  dialect: string,
  { wish, allowed, signal }: { wish: Wish; allowed: Allowed; signal?: AbortSignal },
): Promise<Response> {
  const client = dialectClients[dialect]!;
  return fetch(`${gateway.url}${client.path(wish)}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...allowing(allowed), ...client.headers },
    body: JSON.stringify(client.body(wish)),
    ...(signal ? { signal } : {}),
  });
}

/** One answer to its end, and its receipt. */
export async function call(gateway: BudgetGateway, dialect: string, of: { wish: Wish; allowed: Allowed }) {
  const answer = await send(gateway, dialect, of);
  const bytes = Buffer.from(await answer.arrayBuffer());
  assert.equal(answer.status, 200, bytes.toString());
  const receipt = await gateway.receiptOf(answer.headers.get('x-sluice-exchange')!);
  return { bytes, receipt, headers: answer.headers };
}

/** A stream as the dialect's official client hears it. @throws the client's own error. */
export function heardBy(dialect: string, bytes: Buffer): Promise<Reading> {
  const [read] = Object.values(officialReaders[dialect]!);
  return read!(bytes.toString(dialect === 'bedrock-converse' ? 'latin1' : 'utf8'));
}

export const totals = ({ attempts }: Pick<Receipt, 'attempts'>) =>
  totalsOf(attempts.flatMap(({ lines }) => lines.map(({ line }) => line)));
