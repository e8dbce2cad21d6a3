import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Policy } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { Receipt } from '#core/receipt.ts';
import { onlyWhen } from './only-when.ts';

/** A policy with every hook, which notes that it was asked. */
function noted() {
  const asked: string[] = [];
  const note =
    <T>(hook: string, answer: T) =>
    (): T => {
      asked.push(hook);
      return answer;
    };
  const stage = { onEvent: () => [], onEnd: () => [] };
  const policy: Policy = {
    ...{ name: 'noted', summary: 'notes' },
    ...{
      onHead: note('onHead', undefined),
      presents: note('presents', true),
      readsBody: note('readsBody', true),
    },
    ...{
      onCall: note('onCall', undefined),
      limits: note('limits', []),
      targetLimits: note('targetLimits', []),
    },
    ...{ allowsModel: note('allowsModel', false), onAnswer: note('onAnswer', ['a', 'b']) },
    ...{
      openAnswer: note('openAnswer', stage),
      encodeAnswer: note('encodeAnswer', { headers: [], open: null }),
    },
    onSettled: note('onSettled', undefined),
  } as unknown as Policy;
  return { policy, asked };
}
const hooks =
  'presents onHead readsBody onCall limits targetLimits allowsModel onAnswer openAnswer encodeAnswer onSettled';

function runAll(policy: Policy, exchange = {} as Exchange) {
  return {
    presents: policy.presents!(exchange),
    head: policy.onHead!(exchange),
    body: policy.readsBody!(exchange),
    call: policy.onCall!(exchange),
    limits: policy.limits!(exchange),
    targetLimits: policy.targetLimits!(exchange, null as never),
    model: policy.allowsModel!(exchange, 'm'),
    headers: policy.onAnswer!(exchange, 200, ['c', 'd']),
    stage: policy.openAnswer!(exchange) !== null,
    encoder: policy.encodeAnswer!(exchange, null as never) !== null,
    settled: policy.onSettled!(exchange, null as unknown as Receipt),
  };
}

const ruleOf = (holds: () => boolean, readsCall = false) => ({ text: 'a rule', readsCall, holds });

test('where its rule is true the policy is asked in every hook, and the rule once', () => {
  const { policy, asked } = noted();
  let times = 0;
  const conditional = onlyWhen(
    policy,
    ruleOf(() => ++times > 0),
  );
  const { model, headers, stage, encoder } = runAll(conditional);
  assert.deepEqual([model, headers, stage, encoder], [false, ['a', 'b'], true, true]);
  assert.deepEqual(asked, hooks.split(' '));
  assert.equal(times, 1);
  assert.equal(conditional.summary, 'notes, when a rule');
});

test('where it is not the policy is not there, in any hook', () => {
  const { policy, asked } = noted();
  const { presents, body, model, headers, stage, encoder } = runAll(
    onlyWhen(
      policy,
      ruleOf(() => false),
    ),
  );
  assert.deepEqual([presents, body, model, headers], [false, false, true, ['c', 'd']]);
  assert.deepEqual([stage, encoder, asked], [false, false, []]);
});

test('where it cannot be told the call is refused, also by a policy that only watches answers', () => {
  const cannot = ruleOf(() => {
    throw new Error('No such key');
  });
  const watching: Policy = { name: 'watching', summary: '-', onAnswer: (_, __, headers) => headers };
  for (const policy of [noted().policy, watching])
    assert.throws(
      () => onlyWhen(policy, cannot).onCall!({} as Exchange),
      (thrown) => thrown instanceof Fault && thrown.code === 'policy/failed',
    );
});

test('a rule that comes too late is refused, and so is one about waiting', () => {
  const { onHead: _onHead, readsBody: _readsBody, ...late } = noted().policy;
  const aboutCall = ruleOf(() => true, true);
  assert.ok(onlyWhen(late, aboutCall));
  assert.throws(() => onlyWhen(noted().policy, aboutCall), /decides before the call is known/);
  assert.throws(
    () =>
      onlyWhen(
        { ...late, queue: {} as never },
        ruleOf(() => true),
      ),
    /rules of waiting/,
  );
});
