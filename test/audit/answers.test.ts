/**
 * What the audit log has of answers: in every dialect the text that the client was given, also where a budget cut it or the
 * client hung up.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { AuditedExchange } from '#core/contracts/audit.ts';
import { dialectClients } from '../harness/dialect-clients.ts';
import { providers } from '../harness/every-dialect.ts';
import {
  call,
  heardBy,
  script,
  send,
  startBudgetGateway,
  type BudgetGateway,
} from '../budgets/budget-gateway.ts';

let gateway: BudgetGateway;
before(async () => {
  const audit = {
    content: 'both',
    maxBytes: '16KiB',
    mask: { patterns: ['sim-secret-[a-z]+'], fields: ['user'] },
  };
  gateway = await startBudgetGateway({ policies: [{ audit }] });
});
after(() => gateway.stop());

interface Content {
  readonly request?: { readonly json?: unknown; readonly text?: string };
  readonly answer?: {
    readonly complete: boolean;
    readonly cut?: string;
    readonly choices: readonly {
      readonly blocks: readonly { readonly kind: string; readonly text: string }[];
    }[];
  };
}

async function entryOf(id: string): Promise<AuditedExchange & { readonly opened: Content }> {
  for (const until = Date.now() + 10_000; Date.now() < until;) {
    const entry = gateway.audited.find((each) => each.id === id);
    if (entry) return { ...entry, opened: JSON.parse(entry.content ?? '{}') as Content };
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`no entry of ${id}`);
}

const textOf = ({ answer }: Content): string =>
  (answer?.choices ?? [])
    .flatMap(({ blocks }) => blocks.filter(({ kind }) => kind === 'text').map(({ text }) => text))
    .join('');

const clients = Object.keys(dialectClients);

test('security 40: a whole stream, and one that a budget cut, are recorded as the client heard them', async () => {
  for (const [i, provider] of Object.keys(providers).entries()) {
    for (const client of [clients[i % clients.length]!, clients[(i + 3) % clients.length]!]) {
      const wish = { model: `${provider}/sim`, stream: true, text: script({ tokens: 8 }) };
      for (const first of [1e6, 4]) {
        const { bytes, receipt } = await call(gateway, client, { wish, allowed: { first } });
        const entry = await entryOf(receipt.id);
        const heard = await heardBy(client, bytes);
        assert.equal(textOf(entry.opened), heard.text, `${client} ← ${provider}, ${first}`);
        assert.equal(entry.about['outcome'], receipt.outcome);
        assert.equal(entry.opened.answer!.complete, receipt.outcome === 'completed');
        if (first === 4) assert.equal(receipt.outcome, 'budget_cut');
        assert.ok(!JSON.stringify(entry.about).includes('sk-upstream'));
      }
    }
  }
});

test('whole answers are recorded, too', async () => {
  for (const provider of Object.keys(providers)) {
    const wish = { model: `${provider}/sim`, stream: false, text: script({ tokens: 5 }) };
    const answer = await send(gateway, 'openai-chat', { wish, allowed: { first: 1e6 } });
    const document = (await answer.json()) as { choices: { message: { content: string } }[] };
    const entry = await entryOf(answer.headers.get('x-sluice-exchange')!);
    assert.equal(textOf(entry.opened), document.choices[0]!.message.content);
    const [attempt] = entry.about['attempts'] as { tokens: { output: number }; cost: { amount: string } }[];
    assert.ok(attempt!.tokens.output > 0);
    assert.match(attempt!.cost.amount, /^\d+(\.\d+)?$/);
  }
});

test('of a stream that its client left, what came until then is recorded', async () => {
  for (const provider of Object.keys(providers)) {
    const wish = { model: `${provider}/sim`, stream: true, text: script({ tokens: 500, paceMs: 5 }) };
    const abort = new AbortController();
    const answer = await send(gateway, 'openai-chat', {
      wish,
      allowed: { first: 1e6 },
      signal: abort.signal,
    });
    const reader = answer.body!.getReader();
    let heard = '';
    while (!/"content":"[^"]+"/.test(heard)) heard += Buffer.from((await reader.read()).value!).toString();
    abort.abort();
    const entry = await entryOf(answer.headers.get('x-sluice-exchange')!);
    assert.equal(entry.about['outcome'], 'client_gone', provider);
    assert.equal(entry.opened.answer!.complete, false);
    const said = /"content":"([^"]+)"/.exec(heard)![1]!;
    assert.ok(textOf(entry.opened).startsWith(said), provider);
  }
});

test('what is to be masked is in no record, in requests and answers', async () => {
  const text = script({ text: 'well: sim-secret-abcdef and more' });
  const client = dialectClients['openai-chat']!;
  const wish = { model: 'o/sim', stream: true, text };
  const answer = await fetch(`${gateway.url}${client.path(wish)}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...client.headers },
    body: JSON.stringify({ ...(client.body(wish) as object), user: 'alice@example.com' }),
  });
  assert.equal(answer.status, 200);
  const id = answer.headers.get('x-sluice-exchange')!;
  await answer.text();
  const { content, opened } = await entryOf(id);
  assert.ok(!content!.includes('alice@example.com'));
  assert.ok(!content!.includes('sim-secret'), content!);
  assert.equal((opened.request!.json as { user: string }).user, '[masked]');
});
