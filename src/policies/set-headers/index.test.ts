import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exchange } from '#core/exchange.ts';
import { noServices } from '../testing/no-services.ts';
import { setHeaders } from './index.ts';

const services = {
  ...noServices,
  instance: 'set-headers/0',
};

test('answers: removed, set in place of any, added beside', () => {
  const policy = setHeaders.create(
    { response: { remove: ['Server'], set: { 'X-A': '2' }, add: { 'X-B': '3' } } },
    services,
  );
  const headers = policy.onAnswer!({} as Exchange, 200, ['server', 'x', 'x-a', '1', 'x-a', '1b', 'x-b', '0']);
  assert.deepEqual(headers, ['x-b', '0', 'x-a', '2', 'x-b', '3']);
});

test('requests: the changes are put on the exchange, in order', () => {
  const policy = setHeaders.create({ request: { set: { 'X-Tenant': 'red' }, remove: ['Cookie'] } }, services);
  const exchange = { upstreamHeaders: [] } as unknown as Exchange;
  void policy.onHead!(exchange);
  assert.deepEqual(exchange.upstreamHeaders, [
    { name: 'cookie', value: null, add: false },
    { name: 'x-tenant', value: 'red', add: false },
  ]);
  assert.equal(policy.onAnswer, undefined);
});

test('what belongs to the connection cannot be changed', () => {
  for (const name of ['Host', 'content-length', 'Transfer-Encoding', 'connection']) {
    assert.throws(() => setHeaders.create({ request: { set: { [name]: 'x' } } }, services), RangeError);
    assert.throws(() => setHeaders.create({ response: { remove: [name] } }, services), RangeError);
  }
});
