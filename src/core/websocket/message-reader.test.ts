import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { opcodes } from './frame-scanner.ts';
import { MessageReader } from './message-reader.ts';
import { renderControl, renderText } from './render-frame.ts';

const mask = Uint8Array.from([1, 2, 3, 4]);

/** A data frame as a client sends it. */
function masked(opcode: number, isLast: boolean, text: string): Uint8Array {
  const payload = new TextEncoder().encode(text);
  const extended = payload.length > 125;
  const head = [(isLast ? 0x80 : 0) | opcode, 0x80 | (extended ? 126 : payload.length)];
  if (extended) head.push(payload.length >> 8, payload.length & 0xff);
  return Uint8Array.from([...head, ...mask, ...payload.map((byte, i) => byte ^ mask[i & 3]!)]);
}

function read(bytes: Uint8Array, step: number, limit = Infinity): [number, string][] {
  const messages: [number, string][] = [];
  const reader = new MessageReader(limit, (opcode, payload) =>
    messages.push([opcode, new TextDecoder().decode(payload)]),
  );
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
  return messages;
}

const concat = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

describe('messages of one direction', () => {
  const long = 'ü'.repeat(100);
  const bytes = concat(
    masked(opcodes.text, true, 'one'),
    masked(opcodes.text, false, long),
    renderControl(opcodes.ping, new TextEncoder().encode('here?'), mask),
    masked(opcodes.continuation, false, ''),
    masked(opcodes.continuation, true, ' end'),
    masked(opcodes.binary, true, ''),
  );
  const expected = [
    [opcodes.text, 'one'],
    [opcodes.text, `${long} end`],
    [opcodes.binary, ''],
  ];

  test('are put together however their bytes come, control frames between them left out', () => {
    for (const step of [1, 2, 3, 7, bytes.length])
      assert.deepEqual(read(bytes, step), expected, `by ${step}`);
  });

  test('above the bound they are left out, and the next one is whole', () => {
    const some = concat(masked(1, false, 'abc'), masked(0, true, 'def'), masked(1, true, 'next'));
    assert.deepEqual(read(some, 2, 5), [[opcodes.text, 'next']]);
    assert.deepEqual(read(some, 2, 6), [
      [opcodes.text, 'abcdef'],
      [opcodes.text, 'next'],
    ]);
  });

  test('a server renders every form of a length', () => {
    for (const length of [0, 125, 126, 65_535, 65_536]) {
      const text = 'x'.repeat(length);
      assert.deepEqual(read(renderText(text), 1000), [[opcodes.text, text]], `${length}`);
    }
  });
});
