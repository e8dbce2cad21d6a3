import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyServices } from '#core/contracts/policy.ts';
import { compileExchangeRule } from '#expressions/index.ts';
import { policyKinds } from '#policies/index.ts';
import { noServices } from '#policies/testing/no-services.ts';

const services: PolicyServices = {
  ...noServices,
  rule: compileExchangeRule,
  create: (kind, settings) => make(kind, settings),
};
const make = (kind: string, settings: unknown) => policyKinds.get(kind)!.create(settings, services);

/** What a schema cannot say. */
const refused: readonly (readonly [string, object, RegExp])[] = [
  ['access', { rule: 'consumer.role == "a"' }, /No such key: role \(at character 10\)/],
  ['anonymous', { consumer: 'nobody' }, /there is no consumer "nobody"/],
  ['any-auth', { any: ['key-auth', 'cors'] }, /./],
  ['any-auth', { any: ['key-auth', { 'model-access': {} }] }, /model-access does not say who calls/],
  ['any-auth', { any: ['key-auth', { anonymous: { consumer: 'nobody' } }] }, /there is no consumer/],
  ['forward-auth', { url: 'http://a', requestHeaders: ['X-Forwarded-For'] }, /x-forwarded-for is said of/],
  ['header-restriction', { headers: { referer: { deny: ['('] } } }, /./],
  ['ip-restriction', { allow: ['10.0.0.0/33'] }, /expected an address or a range/],
  ['ip-restriction', { deny: ['10.0.0.256'] }, /expected an address or a range/],
];

for (const [kind, settings, why] of refused)
  test(`${kind} is not made of ${JSON.stringify(settings)}`, () =>
    assert.throws(() => make(kind, settings), why));

test('anonymous stands at the end, where it takes nothing from others', () => {
  const guest = {
    id: 'consumer:guest',
    name: 'guest',
    consumer: 'guest',
    project: 'p',
    team: 't',
    groups: [],
    models: null,
  };
  const known = { ...services, consumers: { ...services.consumers, find: () => guest } };
  const create = (any: readonly unknown[]) =>
    policyKinds
      .get('any-auth')!
      .create({ any }, { ...known, create: (kind, of) => policyKinds.get(kind)!.create(of, known) });
  const entry = { anonymous: { consumer: 'guest' } };
  assert.match(create(['key-auth', entry]).summary, /key-auth, anonymous/);
  assert.throws(() => create([entry, 'key-auth']), /nothing behind it is asked/);
});
