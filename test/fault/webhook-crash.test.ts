import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { startSimulator } from '../../simulator/server.ts';
import { startReceiver, type Receiver } from '../../src/events/testing/receiver.ts';
import { readLedger } from '../../src/ledger/store/offline.ts';
import { startGatewayProcess, type GatewayProcess } from '../harness/gateway-process.ts';
import { standardConfig } from '../harness/gateway.ts';

const rounds = process.env['SLUICE_LONG'] ? 60 : 4;
const keys = {
  shop: { project: 'shop', secret: 'sk-shop-0123456789' },
  bank: { project: 'bank', secret: 'sk-bank-0123456789' },
};
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 120_000; !(await holds()); await pause(20))
    assert.ok(Date.now() < end, 'not within two minutes');
}

async function start(context: TestContext, webhook: object): Promise<GatewayProcess> {
  const simulator = await startSimulator({ port: 0 });
  context.after(() => simulator.close());
  const gateway = await startGatewayProcess({
    file: standardConfig(simulator.url, {
      projects: { shop: { team: 'red' }, bank: { team: 'red' } },
      keys,
      events: {
        webhooks: [{ name: 'hook', secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}`, ...webhook }],
      },
    }),
  });
  context.after(() => gateway.remove());
  return gateway;
}

/** Calls until told to stop; one that fails because the gateway died is what this is about. */
async function load({ url }: GatewayProcess, secret: string, keepOn: () => boolean): Promise<void> {
  while (keepOn()) {
    const body = JSON.stringify({ model: 'o/gpt-sim', messages: [{ role: 'user', content: 'simulate:{}' }] });
    const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
    await fetch(`${url}/v1/chat/completions`, { method: 'POST', body, headers }).then(
      (answer) => answer.text(),
      () => '',
    );
    // What matters is that there are calls at every moment, not how many.
    await pause(10);
  }
}

const eventsOf = (posted: Receiver['posted']) =>
  posted.flatMap(({ events, body }) =>
    events.map((event) => ({
      ...event,
      sequence: Number((JSON.parse(body) as { sequence?: string }).sequence ?? 0),
    })),
  );

test('security 54: killed between the sending of an event and its acknowledgement: each receipt is told, in order per project', async (context) => {
  let hangs = 0;
  const receiver = await startReceiver();
  context.after(() => receiver.close());
  const gateway = await start(context, { url: receiver.url });
  await until(async () => (await gateway.admin('/v1/events/webhooks')).ok);
  for (let round = 0; round < rounds; round++) {
    if (round > 0) await gateway.start();
    let running = true;
    const callers = Object.values(keys).map(({ secret }) => load(gateway, secret, () => running));
    const before = receiver.posted.length;
    const hangAt = before + 3 + round * 2;
    let pending = false;
    receiver.behave = (_, n) => {
      if (n < hangAt) return 200;
      // Taken by the receiver, as it may be; the gateway is never told.
      pending = true;
      return () => undefined;
    };
    await until(() => pending);
    hangs++;
    await gateway.end('SIGKILL');
    running = false;
    await Promise.all(callers);
  }
  receiver.behave = () => 204;
  await gateway.start();
  const told = async () => {
    const { webhooks } = (await (await gateway.admin('/v1/events/webhooks')).json()) as {
      webhooks: { behind: number; deadLetters: number; failing: string | null }[];
    };
    assert.equal(webhooks[0]!.deadLetters, 0);
    return webhooks[0]!.behind === 0;
  };
  await until(told);
  await gateway.end();
  const receipts = [...readLedger(join(gateway.stateDirectory, 'ledger.db')).export({})];
  assert.ok(receipts.length > rounds * 3);
  const taken = new Set(eventsOf(receiver.taken).map(({ id }) => id));
  assert.deepEqual(
    receipts.filter(({ id }) => !taken.has(id)),
    [],
  );
  for (const [subject, events] of Map.groupBy(eventsOf(receiver.posted), (event) => event.subject)) {
    const seen = new Set<string>();
    const firsts = events.filter(({ id }) => !seen.has(id) && seen.add(id)).map(({ sequence }) => sequence);
    assert.deepEqual(
      firsts,
      firsts.toSorted((a, b) => a - b),
      subject,
    );
  }
  context.diagnostic(`figure: gateways killed between an event and its acknowledgement: ${hangs}`);
  context.diagnostic(`figure: receipts on the books, each told to the webhook: ${receipts.length}`);
});

test('keys that are made and revoked are told, over a kill, and a webhook that is gone is resumed', async (context) => {
  const receiver = await startReceiver(() => 410);
  context.after(() => receiver.close());
  const gateway = await start(context, { url: receiver.url, types: ['key.*'], batch: 10 });
  const hook = async () =>
    ((await (await gateway.admin('/v1/events/webhooks')).json()) as { webhooks: Record<string, unknown>[] })
      .webhooks[0]!;
  await until(async () => (await hook())['mine'] === true);
  const made = await gateway.admin('/v1/keys', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'ci', project: 'shop' }),
  });
  const { key } = (await made.json()) as { key: { id: string } };
  assert.equal((await gateway.admin(`/v1/keys/${key.id}`, { method: 'DELETE' })).status, 204);
  await until(async () => (await hook())['stopped'] !== null);
  await gateway.end('SIGKILL');
  receiver.behave = () => 204;
  await gateway.start();
  await until(async () => typeof (await hook())['stopped'] === 'string');
  assert.equal((await gateway.admin('/v1/events/webhooks/none/resume', { method: 'POST' })).status, 404);
  assert.equal((await gateway.admin('/v1/events/webhooks/hook/resume', { method: 'POST' })).status, 204);
  await until(() => receiver.taken.flatMap(({ events }) => events).length >= 2);
  const told = receiver.taken
    .flatMap(({ events }) => events)
    .map(({ id, subject, type }) => [id, subject, type]);
  assert.deepEqual(told.slice(0, 2), [
    [`key.created/${key.id}`, 'project:shop', 'sluice.key.created'],
    [`key.revoked/${key.id}`, 'project:shop', 'sluice.key.revoked'],
  ]);
});

test('receipts are priced anew by the command line, told as corrections, and the books add up', async (context) => {
  const receiver = await startReceiver();
  context.after(() => receiver.close());
  const gateway = await start(context, { url: receiver.url });
  let calls = 0;
  await load(gateway, keys.shop.secret, () => calls++ < 5);
  await until(() => receiver.taken.length === 5);
  const same = await gateway.sluice('ledger', 'rerate');
  assert.deepEqual([same.code, same.err, same.out], [0, '', '5 receipts, 0 corrected\n']);

  await gateway.end();
  const { readFileSync, writeFileSync } = await import('node:fs');
  const path = join(gateway.folder, 'sluice.yaml');
  const text = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    text.replace(/o\/\*:\n {4}input: "?2"?\n {4}output: "?8"?/, 'o/*:\n    input: 4\n    output: 16'),
  );
  await gateway.start();
  const dry = await gateway.sluice('ledger', 'rerate', '--dry-run', '--json');
  const report = JSON.parse(dry.out) as {
    corrected: number;
    difference: { currency: string; cost: string }[];
  };
  assert.equal(report.corrected, 5);
  const usage = JSON.parse((await gateway.sluice('usage', '--by', 'project', '--json')).out) as {
    project: string;
    costNano: string;
    priceNano: string;
  }[];
  const before = Number(usage.find(({ project }) => project === 'shop')!.costNano);
  assert.equal(Number(report.difference[0]!.cost) * 1e9, before, 'twice the price: as much again');
  const done = await gateway.sluice('ledger', 'rerate');
  assert.match(done.out, /^5 receipts, 5 corrected\n/);
  assert.match((await gateway.sluice('ledger', 'rerate')).out, /^5 receipts, 0 corrected\n$/);
  const csv = (await gateway.sluice('usage', '--by', 'project', '--csv')).out.split('\r\n');
  assert.equal(csv[0], 'project,requests,errors,input,cached,output,cost,price,currency');
  const verify = (await (await gateway.admin('/v1/ledger/verify')).json()) as { clean: boolean };
  assert.equal(verify.clean, true);
  await until(() => receiver.taken.length >= 10);
  const types = receiver.taken.flatMap(({ events }) => events.map(({ type }) => type));
  assert.deepEqual(types.slice(-5), Array(5).fill('sluice.usage.corrected'));
  const wrong = await gateway.sluice('ledger', 'rerate', '--price-version', 'none');
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /No price that was used then has a version "none"/);
});
