/**
 * Streams whose budget runs out at every one of their events, from every dialect of providers to every dialect of clients, through
 * real sockets: each is heard by the client's official library, which finds nothing wrong, and each receipt says what it was told.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Policy } from '#core/contracts/policy.ts';
import { headerOf } from '#core/head.ts';
import type { Receipt } from '#core/receipt.ts';
import { totalsOf } from '#core/usage.ts';
import { officialReaders } from '../conformance/dialect/official-readers.ts';
import { readsAs, traits } from '../conformance/dialect/traits.ts';
import { dialectClients, type Wish } from '../harness/dialect-clients.ts';
import { everyDialect, providers } from '../harness/every-dialect.ts';
import { startInProcess, type InProcessGateway } from '../harness/in-process-gateway.ts';
import { allowanceOf } from './paid-stream.ts';

/** Words of each answer, each an event and about a token. */
const words = 8;

/** Gives each call the allowance that its header names. */
const policy: Policy = {
  name: 'test-allowance',
  summary: 'an allowance of the test',
  onCall(exchange) {
    const wish = headerOf(exchange.head.headers, 'x-test-allowance');
    if (wish === undefined) return;
    const { first, leases = [], isLate = false, clamp = null } = JSON.parse(wish) as Allowed;
    const allowance = allowanceOf(first, leases, isLate);
    exchange.allowance = Object.assign(Object.create(allowance) as typeof allowance, { clampTokens: clamp });
  },
};

interface Allowed {
  readonly first: number;
  readonly leases?: readonly number[];
  readonly isLate?: boolean;
  readonly clamp?: number | null;
}

let gateway: InProcessGateway;
let simulator: Awaited<ReturnType<typeof everyDialect>>['simulator'];
before(async () => {
  const { simulator: vendors, config } = await everyDialect();
  simulator = vendors;
  gateway = await startInProcess({ ...config, log: { access: false }, policies: [] }, policy);
});
after(async () => {
  await gateway.stop();
  await simulator!.close();
});

async function call(dialect: string, wish: Wish, allowed: Allowed) {
  const client = dialectClients[dialect]!;
  const answer = await fetch(`${gateway.url}${client.path(wish)}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-test-allowance': JSON.stringify(allowed),
      ...client.headers,
    },
    body: JSON.stringify(client.body(wish)),
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  assert.equal(answer.status, 200, bytes.toString());
  const receipt = await gateway.receiptOf(answer.headers.get('x-sluice-exchange')!);
  return { bytes, receipt, headers: answer.headers };
}

const totals = ({ attempts }: Receipt) =>
  totalsOf(attempts.flatMap(({ lines }) => lines.map(({ line }) => line)));

for (const client of Object.keys(dialectClients)) {
  for (const provider of Object.keys(providers)) {
    test(`${client} ← ${provider}: cut at every event, its client hears a whole answer of that length`, async () => {
      const text = `simulate:${JSON.stringify({ tokens: words })}`;
      const wish = { model: `${provider}/sim`, stream: true, text };
      const [read] = Object.values(officialReaders[client]!);
      const heard = async (bytes: Buffer) =>
        read!(bytes.toString(client === 'bedrock-converse' ? 'latin1' : 'utf8'));
      const whole = await heard((await call(client, wish, { first: 1e6 })).bytes);
      const lengths = new Set<number>();
      for (let first = 0; first <= 2 * words; first++) {
        const { bytes, receipt } = await call(client, wish, { first, isLate: first % 2 === 0 });
        const said = await heard(bytes);
        assert.ok(whole.text.startsWith(said.text), said.text);
        lengths.add(said.text.length);
        const isCut = said.text !== whole.text;
        assert.equal(receipt.outcome === 'budget_cut', receipt.fault === 'budget/cut');
        if (!isCut && receipt.outcome === 'completed') continue;
        const of = traits[client]!;
        assert.equal(receipt.outcome, 'budget_cut', `${first}: ${said.text}`);
        assert.equal(said.finish, of.finish[readsAs(of, 'length')]);
        const { input, output } = totals(receipt);
        if (said.usage) assert.deepEqual(said.usage, { input, output });
        assert.ok(output >= first, `${output} counted of ${first}`);
      }
      // At each of its events but the last ones, which the allowance of another length reaches as well.
      assert.ok(lengths.size >= words - 1, `${lengths.size} different lengths`);
    });
  }
}
