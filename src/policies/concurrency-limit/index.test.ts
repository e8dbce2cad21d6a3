import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exchange } from '#core/exchange.ts';
import type { Target } from '#core/target.ts';
import { noServices } from '../testing/no-services.ts';
import { concurrencyLimit } from './index.ts';
import type { ConcurrencyLimitSettings } from './schema.ts';

const exchangeOf = (fields: object = {}): Exchange =>
  ({
    consumer: { id: 'k1', name: 'one', project: 'shop', team: 'web' },
    brief: null,
    countedModel: '',
    meteredAs: null,
    routeName: 'api',
    head: { clientAddress: '10.0.0.1', headers: [] },
    ...fields,
  }) as unknown as Exchange;

function policyOf(settings: ConcurrencyLimitSettings) {
  const clock = { nowMs: () => 1_000_000, monotonicMs: () => 0 };
  return concurrencyLimit.create(settings, {
    ...noServices,
    instance: 'concurrency-limit/0',
    clock,
  });
}

test('a place is one unit of what is held until it is settled', () => {
  assert.deepEqual(policyOf({ by: 'key', max: 2 }).limits!(exchangeOf()), [
    {
      subject: 'concurrency-limit/0/at-once/key:k1',
      window: { kind: 'held' },
      capacity: 2,
      sort: 'concurrency',
      name: '"concurrency-limit/0/at-once"',
      span: '',
      whom: 'key "k1"',
      inFlight: 'none',
      warnAt: [],
    },
  ]);
});

test('who shares a limit is what `by` names, each combination on its own', () => {
  const subjectOf = (by: ConcurrencyLimitSettings['by'], exchange: Exchange) =>
    policyOf({ by, max: 9 }).limits!(exchange).map(({ subject }) => subject.split('/').at(-1));
  const model = exchangeOf({ brief: {}, countedModel: 'o/big' });
  assert.deepEqual(subjectOf('route', model), ['route:api']);
  assert.deepEqual(subjectOf(['team', 'model'], model), ['team:web+model:o%2Fbig']);
  assert.deepEqual(subjectOf('model', exchangeOf()), [], 'no model, no limit by it');
  assert.deepEqual(subjectOf('address', exchangeOf({ consumer: null })), ['address:10.0.0.1']);
  assert.throws(() => subjectOf('project', exchangeOf({ consumer: null })), /nobody has/);
});

test('a limit by provider is asked for when a target is chosen', () => {
  const policy = policyOf({ by: 'provider', max: 3 });
  const target = { provider: { name: 'p' }, model: 'm' } as unknown as Target;
  assert.equal(
    policy.targetLimits!(exchangeOf(), target)[0]!.subject,
    'concurrency-limit/0/at-once/provider:p',
  );
});
