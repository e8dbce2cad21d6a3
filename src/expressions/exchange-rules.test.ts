import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Exchange } from '#core/exchange.ts';
import { checkExchangeExpression, compileExchangeRule } from './index.ts';

const head = {
  method: 'GET',
  scheme: 'https',
  host: 'api.test',
  path: '/orders/7',
  query: 'a=1&a=%32&b',
  headers: ['x-tier', 'gold', 'x-many', '1', 'x-many', '2'],
  clientAddress: '10.0.0.1',
};
const exchange = {
  head,
  // A Tuesday, and the last minute of its hour.
  admittedAtMs: Date.UTC(2026, 11, 1, 13, 59),
  consumer: { id: 'user:ann', name: 'ann', consumer: 'ann', project: 'shop', team: 'red', groups: ['admin'] },
  claims: { scope: 'read write' },
  brief: { model: 'gpt-5', stream: true, maxOutputTokens: null, choices: 1 },
} as unknown as Exchange;

const holds = (text: string, more: object = {}) =>
  compileExchangeRule(text).holds({ ...exchange, ...more } as Exchange);

test('a rule asks for request, consumer, claims, time and call', () => {
  for (const text of [
    'request.method == "GET" && request.scheme == "https" && request.host == "api.test"',
    'request.path.startsWith("/orders/") && request.client == "10.0.0.1"',
    'request.headers["x-tier"] == "gold" && request.headers["x-many"] == "1, 2"',
    'request.query.a == "1, 2" && request.query.b == "" && !("c" in request.query)',
    '"admin" in consumer.groups && consumer.groups.exists(group, group.startsWith("ad"))',
    'consumer.id == "user:ann" && consumer.name == "ann" && consumer.project == "shop" && consumer.team == "red"',
    '"scope" in claims && "write" in claims.scope.split(" ") && claims.scope.matches("^(.* )?write( .*)?$")',
    'time.hour == 13 && time.weekday == 2',
    'call.model.matches("^gpt-") && call.stream && call.maxOutputTokens == 0 && call.choices == 1',
  ])
    assert.equal(holds(text), true, text);
  assert.equal(holds('"staff" in consumer.groups'), false);
});

test('without a credential its fields are empty, and without a call its fields, too', () => {
  const nobody = { consumer: null, claims: null, brief: null };
  assert.equal(holds('consumer.name == "" && size(consumer.groups) == 0 && call.model == ""', nobody), true);
  assert.equal(holds('"scope" in claims', nobody), false);
});

test('a name that a credential gives itself is no name of a consumer', () => {
  const { consumer: _, ...key } = exchange.consumer!;
  assert.equal(holds('consumer.name == ""', { consumer: key }), true);
});

test('what is not there cannot be told: it throws', () => {
  for (const text of ['request.headers["x-none"] == "a"', 'claims.role != "guest"', 'request.query.c == ""'])
    assert.throws(() => holds(text), /No such key/, text);
  // Names of every object are none of these.
  for (const name of ['__proto__', 'constructor', 'toString'])
    assert.throws(
      () => holds(`request.headers["${name}"] == "a" || claims["${name}"] == "b"`),
      /No such key/,
    );
});

test('what is wrong with a rule is said with its place', () => {
  assert.equal(checkExchangeExpression('consumer.name == "a" && consumer.role == "b"')?.at, 33);
  assert.throws(() => compileExchangeRule('consumer.groups'), /must be true or false/);
  assert.throws(
    () => compileExchangeRule('request.methd == "GET"'),
    /the rule "request.methd.*at character/s,
  );
  assert.match(checkExchangeExpression('key.name == "a"')!.message, /key/);
  assert.equal(checkExchangeExpression('call.model == "a"'), null);
});

test('the rules on the page are rules', () => {
  const page = readFileSync(new URL('../../docs/access.md', import.meta.url), 'utf8');
  const rules = /```text\n([^]*?)```/.exec(page)![1]!.trim().split('\n');
  assert.ok(rules.length >= 4);
  for (const rule of rules) assert.equal(checkExchangeExpression(rule), null, rule);
});

test('only rules about the call wait for it', () => {
  assert.equal(compileExchangeRule('call.stream').readsCall, true);
  assert.equal(compileExchangeRule('request.path == "/recall"').readsCall, false);
});
