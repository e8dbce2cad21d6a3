/**
 * What policies of identity and permission cost a call, in nanoseconds of CPU: node --conditions=source bench/policies.ts [--calls 200000]
 * The policy alone, in one thread, with all it needs at hand; the median of five rounds.
 */
import { generateKeyPairSync, hash, sign } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { Policy } from '#core/contracts/policy.ts';
import { createConsumerDirectory } from '#core/consumer-directory.ts';
import type { Exchange } from '#core/exchange.ts';
import type { KeyRecord } from '#core/key.ts';
import { compileExchangeRule } from '#expressions/index.ts';
import { policyKinds } from '#policies/index.ts';
import { noServices } from '#policies/testing/no-services.ts';
import { systemClock } from '../src/compose/system-clock.ts';
import { onlyWhen } from '../src/pipeline/only-when.ts';

const { values } = parseArgs({ options: { calls: { type: 'string', default: '200000' } } });
const calls = Number(values.calls);

const consumer = {
  ...{ id: 'key:1', name: 'ann', consumer: 'ann', project: 'web', team: 'red' },
  ...{ groups: ['staff', 'admin'], models: null },
};
const check = { scheme: 'sha256', digest: hash('sha256', 'secret', 'base64') } as const;
const directory = createConsumerDirectory(
  [consumer],
  [{ consumer: 'ann', kind: 'password', user: 'ann', check }],
);

const keysOf = (count: number): Map<string, KeyRecord> =>
  new Map(
    Array.from({ length: count }, (_, i) => {
      const sha256 = hash('sha256', `sk-${i}`);
      return [
        sha256,
        { ...consumer, id: `key:${i}`, sha256, expiresAtMs: null, createdAtMs: 0, master: 'file' },
      ];
    }),
  );

const make = (kind: string, settings: object, keys = keysOf(10)): Policy =>
  policyKinds.get(kind)!.create(settings, {
    ...noServices,
    clock: systemClock,
    teamOf: () => 'red',
    consumers: directory,
    keys: { find: (sha256) => keys.get(sha256) },
    rule: compileExchangeRule,
    create: (part, of) => make(part, of as object, keys),
  });

const exchangeOf = (i: number): Exchange =>
  ({
    head: {
      ...{
        method: i % 2 ? 'GET' : 'POST',
        scheme: 'http',
        host: 'a',
        path: '/orders/7',
        query: '',
        upgrade: null,
      },
      clientAddress: '10.1.2.3',
      headers: [
        ...['host', 'a', 'user-agent', 'bench/1', 'accept', '*/*', 'x-tenant', 'acme'],
        ...['authorization', `Bearer sk-${i % 10}`],
      ],
    },
    ...{ consumer, claims: null, brief: null, consumedHeaders: [], upstreamHeaders: [], admittedAtMs: 0 },
  }) as unknown as Exchange;
const exchanges = Array.from({ length: 1000 }, (_, i) => exchangeOf(i));
const withPassword = exchanges.map((exchange) => {
  const authorization = `Basic ${Buffer.from('ann:secret').toString('base64')}`;
  return { ...exchange, head: { ...exchange.head, headers: ['authorization', authorization] } };
});

function measure(name: string, policy: Policy, on: readonly Exchange[] = exchanges): void {
  const rounds: number[] = [];
  for (let round = 0; round < 5; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < calls; i++) {
      const exchange = on[i % on.length]!;
      void policy.onHead!(exchange);
      exchange.consumedHeaders.length = 0;
    }
    const { user, system } = process.cpuUsage(before);
    rounds.push(((user + system) / calls) * 1000);
  }
  print(name, rounds);
}

/** A policy of the head and the body: an order of twelve lines, 737 bytes. */
function measureBody(name: string, policy: Policy): void {
  const lines = Array.from({ length: 12 }, (_, i) => ({
    sku: `ABC-${1200 + i}`,
    quantity: 1 + i,
    price: 9.95,
  }));
  const body = Buffer.from(JSON.stringify({ customer: 'ann-1', note: 'x'.repeat(100), lines }));
  const headers = ['host', 'a', 'content-type', 'application/json'];
  const on = exchanges.map((exchange) => {
    const head = { ...exchange.head, method: 'POST', headers, contentLength: body.length };
    return { ...exchange, head, body } as Exchange;
  });
  const rounds: number[] = [];
  for (let round = 0; round < 5; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < calls / 10; i++) {
      const exchange = on[i % on.length]!;
      void policy.onHead!(exchange);
      void policy.onCall!(exchange);
    }
    const { user, system } = process.cpuUsage(before);
    rounds.push(((user + system) / (calls / 10)) * 1000);
  }
  print(name, rounds);
}

function print(name: string, rounds: readonly number[]): void {
  console.log(
    `${name.padEnd(52)} ${rounds
      .toSorted((a, b) => a - b)[2]!
      .toFixed(0)
      .padStart(7)} ns`,
  );
}

/** Tokens of one issuer, and the settings by which they are good. */
function tokensOf(alg: 'ES256' | 'RS256', count: number) {
  const { privateKey, publicKey } =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const encode = (of: object) => Buffer.from(JSON.stringify(of)).toString('base64url');
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'a' };
  const issuer = { issuer: 'https://id.test', audience: 'api', project: 'web', jwks: { keys: [jwk] } };
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const on = Array.from({ length: count }, (_, i) => {
    const claims = {
      iss: issuer.issuer,
      aud: issuer.audience,
      sub: `user-${i}`,
      exp,
      email: 'ann@example.test',
    };
    const signed = `${encode({ alg, kid: 'a', typ: 'at+jwt' })}.${encode(claims)}`;
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const exchange = exchangeOf(i);
    const headers = ['authorization', `Bearer ${signed}.${signature.toString('base64url')}`];
    return { ...exchange, head: { ...exchange.head, headers } };
  });
  return { settings: { issuers: [issuer] }, on };
}

/** Each token once by a policy that has seen none, and then by one that has seen all. */
async function measureTokens(alg: 'ES256' | 'RS256'): Promise<void> {
  const { settings, on } = tokensOf(alg, 1000);
  let policy = make('jwt', settings);
  const rounds: number[] = [];
  for (let round = 0; round < 5; round++) {
    policy = make('jwt', settings);
    const before = process.cpuUsage();
    for (const exchange of on) await policy.onHead!(exchange);
    const { user, system } = process.cpuUsage(before);
    rounds.push(((user + system) / on.length) * 1000);
  }
  print(`jwt, ${alg}, a token never seen`, rounds);
  measure(`jwt, ${alg}, a token seen before`, policy, on);
}

const rule = 'request.method == "GET" || "admin" in consumer.groups';
measure('key-auth, 10 keys', make('key-auth', {}));
measure('key-auth, 100,000 keys', make('key-auth', {}, keysOf(100_000)));
await measureTokens('ES256');
await measureTokens('RS256');
measure('any-auth of three, by key', make('any-auth', { any: ['hmac-auth', 'basic-auth', 'key-auth'] }));
measure('basic-auth', make('basic-auth', {}), withPassword);
measure('access, one list of groups', make('access', { allow: { groups: ['x', 'admin'] } }));
measure(`access, rule ${rule}`, make('access', { rule }));
measure('access, rule of a header', make('access', { rule: 'request.headers["x-tenant"] == "acme"' }));
measure('ip-restriction, ten ranges', make('ip-restriction', { deny: ranges(10) }));
measure('a policy with when, one group', conditional());
measureTransform('transform, a header by a template', {
  headers: { set: { 'x-path': '{{ request.path }}' } },
});
measureTransform('transform, a body of 300 bytes by JSON paths', {
  body: { remove: ['$.secret'], set: { '$.meta.by': 'gateway' } },
});
measureTransform('transform, the same body by a template', {
  body: { template: '{"name": {{ body.name }}, "items": {{ body.items }}}' },
});

function ranges(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `172.16.${i}.0/24`);
}

/** What a request costs in `onCall`, and where it has rules of bodies in `rewriteBody`. */
function measureTransform(name: string, request: object): void {
  const kept = new Map<string, unknown>();
  const keep = <T>(key: string, of: () => T): T => {
    if (!kept.has(key)) kept.set(key, of());
    return kept.get(key) as T;
  };
  const policy = policyKinds.get('transform')!.create({ request }, { ...noServices, keep });
  const item = { id: 12345, title: 'A thing', price: 19.99 };
  const body = Buffer.from(
    JSON.stringify({ name: 'Ann', secret: 'x', items: [item, item, item, item, item] }),
  );
  const onHead = (exchange: Exchange) => {
    if (policy.rewriteBody) policy.rewriteBody(exchange, body);
    else void policy.onCall!(exchange);
    exchange.upstreamHeaders.length = 0;
  };
  const json = exchanges.map((exchange) => {
    const headers = [...exchange.head.headers, 'content-type', 'application/json'];
    return { ...exchange, head: { ...exchange.head, headers } };
  });
  measure(name, { name: 'transform', summary: '-', onHead }, json);
}

/** Verdicts are kept for each exchange: here each one is a new one. */
function conditional(): Policy {
  const bare: Policy = { name: 'bare', summary: '-', onHead() {} };
  const asked = onlyWhen(bare, compileExchangeRule('"admin" in consumer.groups'));
  return { ...bare, onHead: (exchange) => asked.onHead!({ ...exchange }) };
}

const line = {
  type: 'object',
  required: ['sku', 'quantity'],
  additionalProperties: false,
  properties: {
    sku: { type: 'string', pattern: '^[A-Z]{3}-[0-9]{4}$' },
    quantity: { type: 'integer', minimum: 1, maximum: 999 },
    price: { type: 'number', minimum: 0 },
  },
};
const order = {
  type: 'object',
  required: ['customer', 'lines'],
  properties: { customer: { type: 'string' }, lines: { type: 'array', maxItems: 100, items: line } },
};
measureBody(
  'validate, a JSON body of 12 lines, parsed for it',
  make('validate', { request: { body: order } }),
);
