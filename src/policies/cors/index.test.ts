import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exchange } from '#core/exchange.ts';
import { noServices } from '../testing/no-services.ts';
import { cors } from './index.ts';

const services = {
  ...noServices,
  instance: 'cors/0',
};
const exchangeOf = (method: string, headers: string[]) =>
  ({ head: { method, headers }, shortAnswer: null }) as unknown as Exchange;
const preflight = (origin: string) =>
  exchangeOf('OPTIONS', ['origin', origin, 'access-control-request-method', 'POST']);

test('a preflight of a listed origin is answered and granted, of another only answered', () => {
  const policy = cors.create({ origins: ['https://a.test'] }, services);
  for (const [origin, granted] of [
    ['https://a.test', true],
    ['https://b.test', false],
    ['null', false],
  ] as const) {
    const exchange = preflight(origin);
    void policy.onHead!(exchange);
    assert.equal(exchange.shortAnswer?.status, 204);
    assert.equal(exchange.shortAnswer.headers.includes('access-control-allow-methods'), granted);
    const headers = policy.onAnswer!(exchange, 204, exchange.shortAnswer.headers);
    assert.equal(headers.includes('access-control-allow-origin'), granted);
    assert.ok(headers.includes('vary'));
  }
});

test('a plain OPTIONS is not a preflight', () => {
  const exchange = exchangeOf('OPTIONS', ['origin', 'https://a.test']);
  void cors.create({ origins: ['*'] }, services).onHead!(exchange);
  assert.equal(exchange.shortAnswer, null);
});

test('"*" never goes with credentials, nor with an opaque origin', () => {
  assert.throws(() => cors.create({ origins: ['*'], credentials: true }, services), RangeError);
  const policy = cors.create({ origins: ['*'] }, services);
  assert.ok(
    !policy.onAnswer!(exchangeOf('GET', ['origin', 'null']), 200, []).includes('access-control-allow-origin'),
  );
  assert.ok(policy.onAnswer!(exchangeOf('GET', ['origin', 'https://x.test']), 200, []).includes('*'));
});

test("an upstream's own grants are replaced", () => {
  const policy = cors.create({ origins: ['https://a.test'] }, services);
  const headers = policy.onAnswer!(exchangeOf('GET', ['origin', 'https://b.test']), 200, [
    'access-control-allow-origin',
    '*',
  ]);
  assert.ok(!headers.includes('*'));
});
