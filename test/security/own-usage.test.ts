import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { blocksOf } from '../harness/snippets.ts';

/** Two projects of two teams, each with keys of its own. */
const keys = {
  shop: { project: 'shop', secret: 'sk-shop-0123456789' },
  till: { project: 'shop', secret: 'sk-till-0123456789' },
  bank: { project: 'bank', secret: 'sk-bank-0123456789' },
};
const config = {
  teams: { red: {}, blue: {} },
  projects: { shop: { team: 'red' }, bank: { team: 'blue' } },
  keys,
  charges: { all: { markup: '50%' } },
};

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({ config });
  for (const [key, tokens] of [
    ['shop', 10],
    ['till', 20],
    ['bank', 40],
  ] as const) {
    const body = {
      model: key === 'bank' ? 'o/gpt-secret' : 'o/gpt-sim',
      messages: [{ role: 'user', content: `simulate:${JSON.stringify({ tokens })}` }],
    };
    const answer = await ask('/v1/chat/completions', keys[key].secret, { body });
    assert.equal(answer.status, 200);
    const id = answer.headers.get('x-sluice-exchange');
    while (!(await gateway.admin(`/v1/receipts/${id}`)).ok) await new Promise((next) => setTimeout(next, 25));
  }
});
after(() => gateway.stop());

const ask = (
  path: string,
  secret: string | null,
  { body, method }: { body?: object; method?: string } = {},
) =>
  fetch(gateway.url + path, {
    method: method ?? (body ? 'POST' : 'GET'),
    headers: {
      ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });

interface Usage {
  readonly project: string;
  readonly usage: readonly Record<string, string | number>[];
}
const usageOf = async (query: string, secret: string) =>
  (await (await ask(`/sluice/v1/usage?${query}`, secret)).json()) as Usage;

test('a key reads what all keys of its project have used, by model, key and day, and what they pay', async () => {
  const { project, usage } = await usageOf('by=key', keys.shop.secret);
  assert.equal(project, 'shop');
  const calls = usage.filter(({ outputTokens }) => Number(outputTokens) > 0);
  assert.deepEqual(calls.map(({ key }) => key).sort(), ['file:shop', 'file:till']);
  const byModel = await usageOf('by=model,day', keys.till.secret);
  const [model] = byModel.usage.filter(({ outputTokens }) => Number(outputTokens) > 0);
  assert.equal(model!['model'], 'gpt-sim');
  assert.equal(model!['day'], new Date().toISOString().slice(0, 10));
  const { inputTokens, outputTokens } = model!;
  const exact = (Number(inputTokens) * 2 + Number(outputTokens) * 8) * 1.5 * 1000;
  assert.equal(Math.round(Number(model!['price']) * 1e9), exact);
  assert.ok(!JSON.stringify(byModel).toLowerCase().includes('cost'), 'what it costs is not told');
});

test('CSV has the same figures, and no formula', async () => {
  const answer = await ask('/sluice/v1/usage?format=csv&by=key,model', keys.shop.secret);
  assert.equal(answer.headers.get('content-type'), 'text/csv; charset=utf-8');
  const [head, ...rows] = (await answer.text()).trimEnd().split('\r\n');
  assert.equal(
    head,
    'key,model,requests,errors,input_tokens,cache_read_tokens,cache_write_tokens,output_tokens,reasoning_tokens,price,currency',
  );
  assert.ok(rows.some((row) => row.startsWith('file:shop,gpt-sim,1,0,')));
});

test('what the page asks is answered as the page says', async () => {
  const [command] = blocksOf('docs/usage-api.md', 'sh');
  const url = /"(http:[^"]+)"/.exec(command!)![1]!;
  const { pathname, search } = new URL(url);
  const answer = (await (await ask(pathname + search, keys.shop.secret)).json()) as Usage;
  const { usage: _, ...asked } = answer;
  assert.deepEqual(asked, { project: 'shop', from: '2026-11-01', to: '2026-11-30', by: ['model', 'day'] });
  const shown = JSON.parse(blocksOf('docs/usage-api.md', 'json')[0]!) as Usage;
  const given = await usageOf('by=model', keys.shop.secret);
  assert.deepEqual(Object.keys(given), Object.keys(shown));
  assert.deepEqual(Object.keys(given.usage[0]!), Object.keys(shown.usage[0]!));
});

test('without a key, or with a wrong one, nothing is told', async () => {
  assert.equal((await ask('/sluice/v1/usage', null)).status, 401);
  assert.equal((await ask('/sluice/v1/usage', 'sk-wrong-0123456789')).status, 401);
});

test('what is not understood is refused, and named', async () => {
  const wrong = [
    ...['project=bank', 'by=project', 'by=team', 'by=model,model', 'by=', 'by=model&by=key'],
    ...['from=yesterday', 'from=2026-02-30', 'to=2026-1-1', 'format=xml', 'Project=bank', 'project%00=bank'],
    ...['key=file:bank', 'where=1', 'limit=1', '__proto__=x'],
  ];
  for (const query of wrong) {
    const answer = await ask(`/sluice/v1/usage?${query}`, keys.shop.secret);
    assert.equal(answer.status, 400, query);
    assert.match(await answer.text(), /request\/invalid-query/, query);
  }
});

test('security 57: whatever is asked, by whatever path, nothing of another project is told', async () => {
  const names = ['bank', 'file:bank', 'blue', 'gpt-secret', '*', '%', '', '../bank', "' OR 1=1 --"];
  const paths = names.flatMap((name) => {
    const id = encodeURIComponent(name);
    const queries = ['project', 'team', 'key', 'model', 'by', 'from', 'to', 'format'].map(
      (parameter) => `/sluice/v1/usage?${parameter}=${id}`,
    );
    return [
      ...queries,
      ...[
        `/sluice/v1/usage/${id}`,
        `/sluice/v1/${id}`,
        `/sluice/v1/${id}/usage`,
        `/sluice/v1/projects/${id}/usage`,
      ],
      ...[`/sluice/v1/usage;project=${id}`, `/sluice/v1/usage%3Fproject=${id}`, `/sluice/v1/receipts/${id}`],
    ];
  });
  for (const path of [...paths, '/sluice/v1/usage?by=key,model,day', '/sluice/v1/usage?by=service']) {
    const answer = await ask(path, keys.shop.secret);
    const told = (await answer.text()).replaceAll(/"(?:detail|message)":"[^"]*"/g, '');
    for (const secret of ['file:bank', 'gpt-secret', '"bank"', 'blue']) {
      // What was asked for may be repeated by who refuses it.
      if (answer.status === 200) assert.ok(!told.includes(secret), `${path}: ${told}`);
    }
    if (answer.status === 200 && told.startsWith('{'))
      assert.equal((JSON.parse(told) as Usage).project, 'shop');
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
    assert.notEqual((await ask('/sluice/v1/usage', keys.shop.secret, { method })).status, 200, method);
});

test('what is left of its limits, and of nobody else\u2019s, is told without being counted', async () => {
  const policies = [
    { 'key-auth': {} },
    { 'rate-limit': { by: 'project', tokens: '1000000/day' } },
    { budget: { by: 'project', money: '5 per month' } },
    { 'concurrency-limit': { by: 'key', max: 3 } },
    { 'rate-limit': { by: ['project', 'model'], requests: '50/h' } },
    { 'rate-limit': { by: 'provider', requests: '70/h' } },
    { 'rate-limit': { by: 'header:x-tenant', requests: '90/h' } },
  ];
  const limited = await startTestGateway({ config: { ...config, policies } });
  try {
    const limitsOf = async (secret: string, query = '') => {
      const headers = { authorization: `Bearer ${secret}`, 'x-tenant': 'acme' };
      const answer = await fetch(`${limited.url}/sluice/v1/limits${query}`, { headers });
      assert.equal(answer.status, 200);
      return (await answer.json()) as { project: string; limits: Record<string, unknown>[] };
    };
    const before = await limitsOf(keys.shop.secret);
    assert.equal(before.project, 'shop');
    const shown = JSON.parse(blocksOf('docs/usage-api.md', 'json')[1]!) as typeof before;
    assert.deepEqual(Object.keys(before.limits[0]!), Object.keys(shown.limits[0]!));
    assert.deepEqual(
      before.limits.map(({ of, for: whom, limit, remaining }) => [of, whom, limit, remaining]),
      [
        ['tokens', 'project "shop"', 1_000_000, 1_000_000],
        ['money', 'project "shop"', '5', '5'],
        ['concurrency', 'key "file:shop"', 3, 2],
        ['requests', 'header:x-tenant "acme"', 90, 89],
      ],
    );
    const body = JSON.stringify({
      model: 'o/gpt-sim',
      messages: [{ role: 'user', content: 'simulate:{"tokens":40}' }],
    });
    const headers = { authorization: `Bearer ${keys.shop.secret}`, 'content-type': 'application/json' };
    await (await fetch(`${limited.url}/v1/chat/completions`, { method: 'POST', body, headers })).text();
    const [tokens, money] = (await limitsOf(keys.till.secret)).limits;
    assert.ok(Number(tokens!['remaining']) < 1_000_000 && Number(money!['remaining']) < 5);
    const [others] = (await limitsOf(keys.bank.secret)).limits;
    assert.deepEqual([others!['for'], others!['remaining']], ['project "bank"', 1_000_000]);
    const { limits } = await limitsOf(keys.shop.secret, '?model=o/gpt-sim');
    assert.deepEqual(
      limits
        .filter(({ limit }) => limit === 50 || limit === 70)
        .map(({ for: whom, remaining }) => [whom, remaining]),
      [
        ['project "shop" with model "o/*"', 49],
        ['provider "o"', 69],
      ],
    );
    for (const [query, status] of [
      ['?project=bank', 400],
      ['?model=a&model=b', 400],
      ['?model=a&project=bank', 400],
      ['?model=nobody', 404],
    ] as const) {
      const asked = await fetch(`${limited.url}/sluice/v1/limits${query}`, { headers });
      assert.equal(asked.status, status, query);
    }
  } finally {
    await limited.stop();
  }
});

test('account: false, and no other path, leaves nothing there', async () => {
  const closed = await startTestGateway({ config: { ...config, account: false } });
  const moved = await startTestGateway({ config: { ...config, account: '/me' } });
  try {
    const get = (at: TestGateway, path: string) =>
      fetch(at.url + path, { headers: { authorization: `Bearer ${keys.shop.secret}` } });
    assert.equal((await get(closed, '/sluice/v1/usage')).status, 404);
    assert.equal((await get(moved, '/sluice/v1/usage')).status, 404);
    assert.equal((await get(moved, '/me/usage')).status, 200);
  } finally {
    await Promise.all([closed.stop(), moved.stop()]);
  }
});
