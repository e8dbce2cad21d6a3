import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallBrief } from '#core/call.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { Target } from '#core/target.ts';
import { noServices } from '../testing/no-services.ts';
import { rateLimit } from './index.ts';
import type { RateLimitSettings } from './schema.ts';

const consumer = { id: 'k1', name: 'one', sha256: '', project: 'shop', team: 'web' };
const brief: CallBrief = {
  model: 'fast',
  stream: false,
  maxOutputTokens: 128_000,
  choices: 1,
  wantsUsage: false,
};
const head = { clientAddress: '2001:db8:1:2::7', headers: ['x-tenant', 'acme'] };
const nowMs = Date.UTC(2026, 1, 14, 12);

const exchangeOf = (fields: object = {}): Exchange =>
  ({
    consumer,
    claims: { org: 'o1' },
    brief,
    head,
    routeName: 'llm',
    countedModel: 'fast',
    meteredAs: null,
    modelNames: ['fast', 'o/fast'],
    ...fields,
  }) as unknown as Exchange;

function policyOf(settings: RateLimitSettings) {
  const clock = { nowMs: () => nowMs, monotonicMs: () => 0 };
  return rateLimit.create(settings, {
    ...noServices,
    instance: 'rate-limit/0',
    clock,
  });
}

const subjectsOf = (settings: RateLimitSettings, exchange = exchangeOf()): string[] =>
  policyOf(settings).limits!(exchange).map(({ subject }) => subject);

test('each rate is a limit of its own, named by its sort, window and subject', () => {
  const settings = {
    by: ['project', 'model'],
    requests: ['600/min', '9/s burst 20'],
    tokens: '100000/5min',
    inputTokens: '7 per month',
    outputTokens: '7 per day',
    money: '12.50/h',
    zone: 'Europe/Berlin',
  } satisfies RateLimitSettings;
  const whose = 'project:shop+model:fast';
  assert.deepEqual(subjectsOf(settings), [
    `rate-limit/0/requests/sliding-60000/${whose}`,
    `rate-limit/0/requests/bucket-1000/${whose}`,
    `rate-limit/0/tokens/sliding-300000/${whose}`,
    `rate-limit/0/input-tokens/calendar-month-Europe%2FBerlin/${whose}`,
    `rate-limit/0/output-tokens/calendar-day-Europe%2FBerlin/${whose}`,
    `rate-limit/0/money/sliding-3600000/${whose}`,
  ]);
  const wishes = policyOf(settings).limits!(exchangeOf());
  assert.deepEqual(wishes[1], {
    subject: `rate-limit/0/requests/bucket-1000/${whose}`,
    window: { kind: 'bucket', windowMs: 1000, burst: 20 },
    capacity: 9,
    sort: 'requests',
    name: '"rate-limit/0/requests/s"',
    span: 's',
    whom: 'project "shop" with model "fast"',
    inFlight: 'none',
    warnAt: [],
  });
  assert.deepEqual(wishes[3]!.window, {
    kind: 'calendar',
    startMs: Date.UTC(2026, 0, 31, 23),
    endMs: Date.UTC(2026, 1, 28, 23),
    nextEndMs: Date.UTC(2026, 2, 31, 22),
  });
  assert.deepEqual(
    [wishes[5]!.capacity, wishes[5]!.currency, wishes[5]!.inFlight],
    [12_500_000_000, 'USD', 'debit'],
  );
});

test('who shares a limit is what `by` names', () => {
  const by = (dimension: RateLimitSettings['by'], exchange?: Exchange) =>
    subjectsOf({ by: dimension, requests: '5/min' }, exchange).map((subject) => subject.split('/').at(-1));
  assert.deepEqual(by('key'), ['key:k1']);
  assert.deepEqual(by('consumer'), ['consumer:k1']);
  assert.deepEqual(by(['team', 'route']), ['team:web+route:llm']);
  assert.deepEqual(by('address'), ['address:2001%3Adb8%3A1%3A2%3A%3A%2F64']);
  assert.deepEqual(by('header:X-Tenant'), ['header:X-Tenant:acme']);
  assert.deepEqual(by('claim:org'), ['claim:org:o1']);
  assert.deepEqual(by('claim:org', exchangeOf({ claims: null })), ['claim:org:'], 'silence is no way around');
  assert.deepEqual(by('model', exchangeOf({ brief: null, modelNames: [] })), []);
  assert.equal(policyOf({ by: 'address', requests: '5/min' }).limits!(exchangeOf())[0]!.invented, true);
});

test('a limit by provider is asked for when a target is chosen', () => {
  const policy = policyOf({ by: ['provider', 'team'], tokens: '5/min' });
  assert.equal(policy.limits, undefined);
  const target = { provider: { name: 'p' }, model: 'm' } as unknown as Target;
  const [wish] = policy.targetLimits!(exchangeOf(), target);
  assert.equal(wish!.subject, 'rate-limit/0/tokens/sliding-60000/provider:p+team:web');
});

test('a limit that names models leaves other calls alone', () => {
  const settings = { by: 'key', model: ['o/f*', 'big'], requests: '5/min' } as const;
  assert.equal(subjectsOf({ ...settings, model: [...settings.model] }).length, 1);
  const other = exchangeOf({ modelNames: ['slow'] });
  assert.equal(subjectsOf({ ...settings, model: [...settings.model] }, other).length, 0);
  assert.equal(
    subjectsOf({ ...settings, model: 'fast' }, exchangeOf({ brief: null, modelNames: [] })).length,
    0,
  );
});

test('without a name there is no limit to keep, so the call is refused', () => {
  const isClosed = (thrown: unknown) => thrown instanceof Fault && thrown.code === 'policy/failed';
  assert.throws(
    () => subjectsOf({ by: 'team', requests: '5/min' }, exchangeOf({ consumer: null })),
    isClosed,
  );
});

test('names cannot spell one another', () => {
  const of = (project: string, team: string) =>
    subjectsOf(
      { by: ['project', 'team'], requests: '5/min' },
      exchangeOf({ consumer: { ...consumer, project, team } }),
    )[0];
  assert.notEqual(of('a+team:b', 'c'), of('a', 'b+team:c'));
  assert.notEqual(of('a/b', 'c'), of('a', 'b/c'));
  const long = (end: string) =>
    subjectsOf(
      { by: 'header:x-tenant', requests: '5/min' },
      exchangeOf({ head: { ...head, headers: ['x-tenant', 'x'.repeat(5000) + end] } }),
    )[0]!;
  assert.notEqual(long('a'), long('b'));
  assert.ok(long('a').length < 300);
});

test('what is no limit is refused with the configuration', () => {
  assert.throws(() => policyOf({ by: 'key' }), RangeError);
  assert.throws(() => policyOf({ by: 'key', requests: '5/fortnight' }), RangeError);
  assert.throws(() => policyOf({ by: 'key', requests: '5 per day', zone: 'Mars/Olympus' }), RangeError);
});
