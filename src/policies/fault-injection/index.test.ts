import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { noServices } from '../testing/no-services.ts';
import { faultInjection } from './index.ts';

const services = {
  ...noServices,
  instance: 'fault-injection/0',
};
const gone: (() => void)[] = [];
const exchange = {
  inbound: { onGone: (listener: () => void) => gone.push(listener) },
} as unknown as Exchange;

function statuses(settings: object, count: number): number[] {
  const policy = faultInjection.create(settings, services);
  return Array.from({ length: count }, () => {
    try {
      void policy.onHead!(exchange);
      return 200;
    } catch (thrown) {
      assert.ok(thrown instanceof Fault && thrown.code === 'policy/injected');
      return thrown.status;
    }
  });
}

test('a share fails, the same ones under the same seed', () => {
  const settings = { abort: { percent: 25, status: 418 }, seed: 7 };
  const one = statuses(settings, 2000);
  assert.deepEqual(one, statuses(settings, 2000));
  assert.notDeepEqual(one, statuses({ ...settings, seed: 8 }, 2000));
  const failed = one.filter((status) => status === 418).length;
  assert.ok(Math.abs(failed - 500) < 100, String(failed));
  assert.ok(statuses({ abort: { percent: 0, status: 500 } }, 200).every((status) => status === 200));
  assert.ok(statuses({ abort: { percent: 100, status: 500 } }, 200).every((status) => status === 500));
});

test('a delay lasts as long as it says, or until the client is gone', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const policy = faultInjection.create({ delay: { percent: 100, ms: 5000 } }, services);
    let over = false;
    const pending = (policy.onHead!(exchange) as Promise<void>).then(() => (over = true));
    mock.timers.tick(4999);
    await Promise.resolve();
    assert.equal(over, false);
    mock.timers.tick(1);
    await pending;
    const cut = policy.onHead!(exchange);
    gone.at(-1)!();
    await cut;
    const both = { delay: { percent: 100, ms: 1 }, abort: { percent: 100, status: 500 } };
    const failing = assert.rejects(
      faultInjection.create(both, services).onHead!(exchange) as Promise<void>,
      Fault,
    );
    mock.timers.tick(1);
    await failing;
  } finally {
    mock.timers.reset();
  }
});
