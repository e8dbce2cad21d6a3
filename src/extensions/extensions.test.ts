import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { AnswerEvent } from '#core/answer.ts';
import { PolicyStage, type StageHooks } from './answer-stage.ts';
import { createOwnLimits } from './own-limits.ts';
import { BoundedCache } from './policy-cache.ts';
import { definePolicy, TextHold, Type, type TextEvent } from './policy.ts';
import type { PolicyDefinition } from './policy-definition.ts';
import { readPolicyFolder } from './read-policy-folder.ts';

const runs = process.env['SLUICE_LONG'] ? 5000 : 200;

describe('definePolicy', () => {
  const good = { name: 'good', schema: Type.Object({}) };
  const define = (more: object) => () => definePolicy({ ...good, ...more } as PolicyDefinition);

  test('takes what is good, and nobody can change it any more', () => {
    const defined = definePolicy({ ...good, onHead: () => {} });
    assert.ok(Object.isFrozen(defined));
    assert.equal(defined.name, 'good');
  });

  for (const [more, says] of [
    [{ name: 'Good' }, /lower-case letters, digits and hyphens, got "Good"/],
    [{ name: undefined }, /got nothing/],
    [{ onhead: () => {} }, /there is no "onhead"/],
    [{ onHead: 'x' }, /onHead: expected a function/],
    [{ schema: Type.String() }, /schema: expected one of an object/],
    [{ schema: undefined }, /schema/],
    [{ reads: ['answer'] }, /reads: expected conversation, body, events, got "answer"/],
    [{ writes: 'request' }, /writes: expected a list/],
    [{ timeoutMs: 0 }, /timeoutMs: expected a number from 1 to 60000/],
    [{ onEvent: () => {} }, /onEvent: needs reads: \['events'\]/],
    [{ reads: ['events'] }, /onEvent, which is missing/],
    [{ writes: ['events'] }, /"events" needs reads/],
    [{ isolated: true, limits: () => [] }, /limits: not where it is isolated/],
    [{ isolated: true, onEvent: () => {}, reads: ['events'] }, /onEvent: not where it is isolated/],
  ] as const)
    test(`refuses ${JSON.stringify(more)}`, () => assert.throws(define(more), says));

  test('infers settings and state', () => {
    definePolicy({
      name: 'typed',
      schema: { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] },
      state: () => ({ seen: 0 }),
      onHead(call, { settings }) {
        const n: number = settings.n;
        call.state.seen += n;
        // @ts-expect-error There is no such setting.
        void settings.m;
        // @ts-expect-error Nor such a state.
        void call.state.other;
      },
    });
  });
});

test('TextHold: whatever the pieces, all of the text comes, and a word is seen whole before any of it has gone', () => {
  const pieces = fc.array(fc.constantFrom('sec', 'ret', 's', 'e', '😀', '水', ' ', 'secret', ''), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(pieces, (said) => {
      const hold = new TextHold('secret'.length - 1);
      let out = '';
      const give = (events: readonly object[]) => {
        for (const event of events) out += (event as TextEvent).text;
      };
      for (const text of said) {
        const event: TextEvent = { type: 'text', choice: 0, block: 0, kind: 'text', text };
        const all = hold.take(event);
        give(hold.give(event, all.replaceAll('secret', '[gone]')));
        assert.ok(out.isWellFormed());
      }
      give(hold.rest());
      assert.equal(out, said.join('').replaceAll('secret', '[gone]'));
      assert.deepEqual(hold.rest(), []);
    }),
    { numRuns: runs, seed: 48 },
  );
});

describe('PolicyStage', () => {
  const begin: AnswerEvent = { type: 'block-start', choice: 0, block: 3, kind: 'reasoning' };
  const delta: AnswerEvent = { type: 'delta', choice: 0, block: 3, text: 'hm' };
  const stageOf = (onEvent: StageHooks['onEvent'], writes = true) =>
    new PolicyStage({ writes, onEvent, onEnd: () => {}, run: (step) => step(null as never) });

  test('what is passed on is what came, to the object', () => {
    for (const stage of [stageOf(() => {}), stageOf((event) => [event]), stageOf((event) => [event], false)])
      assert.ok([begin, delta].every((came) => stage.onEvent(came)[0] === came));
  });

  test('texts are made of open blocks alone, and a cut is the last', () => {
    const stage = stageOf((event) =>
      event.type === 'text' ? [{ ...event, text: event.kind }, { type: 'cut' }, event] : [event],
    );
    stage.onEvent(begin);
    assert.deepEqual(stage.onEvent(delta), [
      { ...delta, text: 'reasoning' },
      { type: 'cut', reason: 'content-filter', outcome: 'guardrail_cut' },
    ]);
    assert.deepEqual(stage.onEvent(delta), []);
    assert.throws(
      () => stageOf(() => [{ type: 'text', choice: 0, block: 9, kind: 'text', text: '' }]).onEvent(begin),
      /no such block/,
    );
    assert.throws(() => stageOf(() => [{ type: 'end' }]).onEvent(begin), /"end": an answer takes/);
    assert.throws(() => stageOf(() => [], false).onEvent(begin), /needs writes/);
  });
});

test('BoundedCache: lifetimes, and room for what was used last', () => {
  let now = 0;
  const cache = new BoundedCache({ nowMs: () => 0, monotonicMs: () => now });
  cache.set('a', '1', 10);
  cache.set('a', '2', 20);
  now = 19;
  assert.equal(cache.get('a'), '2');
  now = 20;
  assert.equal(cache.get('a'), undefined);
  for (let i = 0; i <= 10_000; i++) {
    cache.set(`k${i}`, 'v', 1000);
    cache.get('k0');
  }
  assert.deepEqual(
    ['k0', 'k1', 'k2', 'k10000'].map((key) => cache.get(key)),
    ['v', undefined, 'v', 'v'],
  );
  assert.throws(() => cache.set('long', 'x'.repeat(70_000), 1000), RangeError);
  for (let i = 0; i < 400; i++) cache.set(`m${i}`, 'x'.repeat(60_000), 1000);
  assert.equal(cache.get('m399')?.length, 60_000);
  assert.equal(cache.get('m100'), undefined);
});

test('limits: what cannot be is refused, and what is the same shares a row', () => {
  const limitsOf = createOwnLimits('p', 'p/0');
  const rows = limitsOf(
    [
      { by: 'a/b', requests: '5/min' },
      { by: 'a', tokens: '9 per day', requests: '1/s' },
    ],
    1e12,
  );
  assert.deepEqual(
    rows.map(({ subject, sort }) => [subject, sort]),
    [
      ['p/0/requests/sliding-60000/by:a%2Fb', 'requests'],
      ['p/0/requests/sliding-1000/by:a', 'requests'],
      ['p/0/tokens/calendar-day-UTC/by:a', 'tokens'],
    ],
  );
  for (const limit of [
    { by: 'x' },
    { by: 'x', requests: 'many' },
    { by: 'x'.repeat(121), requests: '1/s' },
    { requests: '1/s' },
  ])
    assert.throws(() => limitsOf([limit as never], 0));
});

test('a folder is read with its folders and links; tests, types and modules of others are left out', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-folder-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const path of [
    'a.ts',
    'b/index.mjs',
    'b/words.json',
    'a.test.ts',
    'a.d.ts',
    'node_modules/x/index.js',
    '.hidden/y.ts',
    'README.md',
  ]) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), path);
  }
  symlinkSync(join(folder, 'b'), join(folder, 'linked'));
  const read = readPolicyFolder(folder);
  assert.deepEqual(Object.keys(read.files), [
    'a.ts',
    'b/index.mjs',
    'b/words.json',
    'linked/index.mjs',
    'linked/words.json',
  ]);
  writeFileSync(join(folder, 'b/words.json'), '[]');
  assert.notEqual(readPolicyFolder(folder).digest, read.digest);
  assert.throws(() => readPolicyFolder(join(folder, 'nowhere')), /cannot be read \(ENOENT\)/);
});
