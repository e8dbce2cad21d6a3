import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Compile } from 'typebox/compile';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { PolicyServices } from '#core/contracts/policy.ts';
import { createConsumerDirectory } from '#core/consumer-directory.ts';
import { compileExchangeRule } from '#expressions/index.ts';
import { noServices } from '#policies/testing/no-services.ts';
import { policyKinds } from '#policies/index.ts';
import { policySchemas } from '#policies/schemas.ts';

const runs = process.env['SLUICE_LONG'] ? 2000 : 100;

/** Settings that each kind takes; a new kind must say its own. */
const settings: Readonly<Record<string, object>> = {
  audit: { content: 'both', onOverflow: 'refuse', mask: { fields: ['secret'], patterns: ['[0-9]+'] } },
  access: {
    allow: { groups: ['staff'] },
    rule: "request.method == 'GET'",
    models: { '*': { deny: { teams: ['x'] } } },
  },
  anonymous: { consumer: 'guest' },
  'any-auth': { any: ['key-auth', { 'basic-auth': { realm: 'here' } }, 'hmac-auth'] },
  'basic-auth': {},
  budget: { by: 'key', money: '5 per month' },
  compression: { minBytes: 100 },
  'concurrency-limit': { by: 'key', max: 10 },
  cors: { origins: ['https://a.test'] },
  csrf: { origins: ['https://a.test'], token: { cookie: 'csrf', header: 'x-csrf' } },
  'fault-injection': { abort: { percent: 50, status: 503 }, seed: 1 },
  'forward-auth': { url: 'http://auth.test/', upstreamHeaders: ['x-user'] },
  'header-restriction': { headers: { referer: { hosts: ['a.test'] }, 'user-agent': { deny: ['bad.*'] } } },
  'hmac-auth': {},
  idempotency: { wait: '1s', complete: true },
  'http-cache': {},
  'ip-restriction': { deny: ['10.0.0.0/8'] },
  jwt: {
    issuers: [{ issuer: 'https://id.test', audience: 'a', secret: 'x'.repeat(32), project: 'web' }],
    cookie: 'token',
  },
  'key-auth': {},
  'model-access': {},
  'mtls-auth': { header: true },
  oidc: {
    issuer: 'https://id.test',
    clientId: 'web',
    secret: 'x'.repeat(32),
    project: 'web',
    bearer: { audience: 'a' },
  },
  'parameter-rules': { temperature: { default: 0.5, max: 1 }, reasoningEffort: { max: 'low' } },
  'prompt-decorate': { prepend: [{ role: 'system', content: 'For {{ consumer.team }}.' }] },
  'prompt-guard': { deny: ['secret'], messages: 'last' },
  'prompt-template': {
    templates: { 'a@1': { messages: [{ role: 'user', content: '{{ x }}' }], variables: { x: {} } } },
  },
  queue: { wait: '1s' },
  'graphql-limits': {},
  'graphql-operations': { only: 'listed' },
  'rate-limit': { by: 'key', requests: '10/min' },
  'set-headers': {},
  'size-limit': { request: '1KiB', response: '1MiB' },
  transform: {
    request: { headers: { set: { 'x-a': '{{ request.path }}' } } },
    response: { headers: { remove: ['x-b'] } },
  },
  validate: { request: { body: { type: 'object' } }, response: { '200': { type: 'object' } } },
};

const guest = {
  id: 'consumer:guest',
  name: 'guest',
  consumer: 'guest',
  project: 'web',
  team: 'red',
  groups: [],
  models: null,
};
const services: PolicyServices = {
  ...noServices,
  instance: 'test/0',
  consumers: createConsumerDirectory([guest], []),
  rule: compileExchangeRule,
  create: (kind, of) => policyKinds.get(kind)!.create(of, services),
  audit: { hasRoom: () => true, put: () => undefined },
  teamOf: () => 'red',
  ask: () => Promise.reject(new Fault('upstream/connect', 'There is no other server in this test.')),
  clock: { nowMs: () => 1_000_000, monotonicMs: () => 0 },
  cache: {
    claim: () => Promise.reject(new Error('no store in this test')),
    begin: () => Promise.resolve(true),
    put: () => Promise.resolve(),
    finish: () => Promise.resolve(),
    release: () => Promise.resolve(),
    get: () => Promise.resolve(null),
  },
};

function exchangeWith(method: string, headers: readonly string[]): Exchange {
  const head = Object.freeze({
    method,
    headers: Object.freeze([...headers]),
    path: '/',
    query: '',
    scheme: 'https',
    host: 'a',
    authority: 'a',
    clientAddress: '::1',
    peer: { address: '::1', trusted: true },
    clientCertificate: null,
    contentLength: null,
    upgrade: null,
  });
  return {
    head,
    consumer: null,
    brief: null,
    answerHeaders: [],
    consumedHeaders: [],
    upstreamHeaders: [],
    shortAnswer: null,
    recorders: [],
    body: Buffer.from('a body'),
    id: '01',
    dialectName: 'raw-http',
    consumedParameter: null,
    limits: null,
    reserved: [],
    flows: [],
    estimatedInput: 1,
  } as unknown as Exchange;
}

const hostile = fc.array(
  fc.tuple(
    fc.constantFrom(
      'authorization',
      'accept-encoding',
      'x-api-key',
      'cookie',
      'signature',
      'signature-input',
      'client-cert',
      'referer',
      'origin',
      'access-control-request-method',
      '__proto__',
      'constructor',
      'x-a',
      'idempotency-key',
    ),
    fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('gzip;q=0.5, *', 'Bearer ', 'bearer x', '__proto__', 'null', '*', 'x'.repeat(70_000)),
    ),
  ),
  { maxLength: 6 },
);

test('every kind has a schema of its settings, and the other way round', () =>
  assert.deepEqual([...policySchemas.keys()].sort(), [...policyKinds.keys()].sort()));

for (const kind of policyKinds.values()) {
  describe(kind.name, () => {
    test('its settings are described, and unknown ones are not taken', () => {
      const schema = policySchemas.get(kind.name) as {
        description?: string;
        properties: Record<string, { description?: string }>;
      };
      assert.ok(schema.description);
      for (const [name, property] of Object.entries(schema.properties))
        assert.ok(property.description, `${name} has no description`);
      const taken = settings[kind.name];
      assert.ok(taken, 'say in this suite what settings it takes');
      const validator = Compile(schema as never);
      assert.ok(validator.Check(taken));
      assert.ok(!validator.Check({ ...(taken as object), surelyUnknown: 1 }));
    });

    test('it says in one line what it does', () => {
      const policy = kind.create(settings[kind.name], services);
      assert.equal(policy.name, kind.name);
      assert.match(policy.summary, /^[^\n]+$/);
    });

    test('whatever comes, it refuses by a fault or lets pass, and changes nothing of the request', async () => {
      await fc.assert(
        fc.asyncProperty(fc.constantFrom('GET', 'POST', 'OPTIONS'), hostile, async (method, pairs) => {
          const policy = kind.create(settings[kind.name], services);
          const exchange = exchangeWith(method, pairs.flat());
          const before = JSON.stringify(exchange.head);
          for (const hook of ['onHead', 'onCall', 'limits'] as const) {
            try {
              await policy[hook]?.(exchange);
            } catch (thrown) {
              assert.ok(thrown instanceof Fault, String(thrown));
              assert.ok(!/x{100}/.test(thrown.message), 'a secret stands in a message');
            }
          }
          const headers = policy.onAnswer?.(exchange, 200, ['a', 'b']) ?? [];
          assert.equal(headers.length % 2, 0);
          const plain = { status: 200, headers: ['content-type', 'text/plain'], lengthBytes: null };
          const encoded = policy.encodeAnswer?.(exchange, plain);
          assert.equal((encoded?.headers.length ?? 0) % 2, 0);
          assert.deepEqual(plain.headers, ['content-type', 'text/plain']);
          if (encoded?.open) assert.ok(encoded.headers.includes('content-encoding'));
          assert.equal(JSON.stringify(exchange.head), before);
          // Only one that is told whom to take for all who bring nothing may name anybody here.
          assert.equal(exchange.consumer, kind.name === 'anonymous' && exchange.consumer ? guest : null);
        }),
        { numRuns: runs, seed: 8 },
      );
    });
  });
}
