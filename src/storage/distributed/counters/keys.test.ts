import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keysOf, parseMarker } from './keys.ts';

const window = { kind: 'sliding', windowMs: 60_000 } as const;

test('all keys have one hash tag', () => {
  const keys = keysOf('main');
  const all = [
    ...[keys.marker, keys.lock, keys.owners('e'), keys.heldBy('e'), keys.reservations('e')],
    ...[keys.row('e', { subject: 'a}{b', window }), keys.row('e', { subject: 'a', window, invented: true })],
  ];
  // A Cluster takes what is between the first brace and the next that closes.
  for (const key of all) assert.match(key, /^\{sluice:main\}:/);
});

test('whoever invents subjects without end has no more rows than there are', () => {
  const keys = keysOf('main');
  const rows = new Set<string>();
  const count = 300_000;
  for (let n = 0; n < count; n++) {
    rows.add(keys.row('epoch', { subject: `limit/requests/address:${n}`, window, invented: true }));
  }
  // Evenly: with as many subjects, 1 − e^(−300,000 / 2^18) of the rows are somebody's.
  const share = rows.size / 2 ** 18;
  assert.ok(share > 0.67 && share < 0.7, `${share}`);
  assert.ok([...rows].every((row) => row.includes(':i:limit/requests/sliding-60000/')));
});

test('rows of two limits, kinds or lengths are never shared, and another epoch shares otherwise', () => {
  const keys = keysOf('main');
  const subject = 'limit/requests/address:192.0.2.1';
  const row = (more: object, epoch = 'e') => keys.row(epoch, { subject, window, invented: true, ...more });
  const all = [
    ...[row({}), row({}, 'f'), row({ subject: 'limit/tokens/address:192.0.2.1' })],
    ...[row({ window: { kind: 'held' } }), row({ window: { ...window, windowMs: 1000 } })],
    row({ invented: false }),
  ];
  assert.equal(new Set(all).size, all.length);
});

test('what is no marker is none', () => {
  const marker = { text: 'e id 5 7', epoch: 'e', replicationId: 'id', opensAtMs: 5, readAtMs: 7 };
  assert.deepEqual(parseMarker('e id 5 7'), marker);
  for (const text of ['', 'e id 5', 'e id five 7', 'e  id 5 7 8']) assert.equal(parseMarker(text), null);
});
