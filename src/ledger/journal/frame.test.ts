import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { frameRoom, frameType, renderFrame } from './frame.ts';
import { parseSegment } from './read-segment.ts';
import { segmentMagic } from './segment-writer.ts';

const runs = process.env['SLUICE_LONG'] ? 20_000 : 300;
const seed = process.env['SLUICE_LONG'] ? Date.now() : 7;

/** A segment of progress records numbered from 0, with any text in them, and where each one ends. */
function renderSegment(texts: readonly string[]): { bytes: Buffer; ends: number[] } {
  const payloads = texts.map((text, attempt) => JSON.stringify({ exchange: text, attempt }));
  const header = JSON.stringify({ worker: 0, incarnation: 'a', sequence: 0 });
  const room = [header, ...payloads].reduce((sum, text) => sum + frameRoom(text.length), segmentMagic.length);
  const buffer = Buffer.alloc(room);
  let offset = segmentMagic.copy(buffer);
  offset = renderFrame(buffer, offset, { type: frameType.segment, payload: header });
  const ends = payloads.map((payload) => {
    offset = renderFrame(buffer, offset, { type: frameType.progress, payload });
    return offset;
  });
  return { bytes: buffer.subarray(0, offset), ends };
}

const texts = fc.array(fc.string({ unit: 'binary', maxLength: 60 }), { minLength: 1, maxLength: 12 });

/** Asserts that what was read is exactly the first records, none missing before `offset` and none made up. */
function assertPrefix(
  damaged: Buffer,
  whole: { texts: readonly string[]; ends: number[] },
  offset: number,
): void {
  const read = parseSegment(damaged);
  const intact = whole.ends.filter((end) => end <= offset).length;
  assert.deepEqual(
    read.records.map((record) => (record.type === 'progress' ? record.progress : null)),
    whole.texts.slice(0, intact).map((exchange, attempt) => ({ exchange, attempt })),
  );
  assert.equal(read.records.length, read.frames.length);
}

test('what is written is read back, whatever the text', () => {
  fc.assert(
    fc.property(texts, (list) => {
      const { bytes, ends } = renderSegment(list);
      assertPrefix(bytes, { texts: list, ends }, bytes.length);
      assert.equal(parseSegment(bytes).damage, null);
    }),
    { numRuns: runs, seed },
  );
});

test('a cut anywhere leaves every earlier record and invents none', () => {
  fc.assert(
    fc.property(texts, fc.nat(), (list, position) => {
      const { bytes, ends } = renderSegment(list);
      const cut = position % bytes.length;
      assertPrefix(bytes.subarray(0, cut), { texts: list, ends }, cut);
      const onBoundary = ends.includes(cut);
      const { damage, identity } = parseSegment(bytes.subarray(0, cut));
      if (!onBoundary && identity && cut > ends[0]!) assert.equal(damage?.kind, 'torn');
    }),
    { numRuns: runs, seed },
  );
});

test('a changed byte anywhere leaves every earlier record, invents none, and is noticed', () => {
  fc.assert(
    fc.property(texts, fc.nat(), fc.integer({ min: 1, max: 255 }), (list, position, change) => {
      const { bytes, ends } = renderSegment(list);
      const at = position % bytes.length;
      bytes[at] = bytes[at]! ^ change;
      assertPrefix(bytes, { texts: list, ends: at < headerEnd(bytes, ends, list) ? [] : ends }, at);
      assert.notEqual(parseSegment(bytes).damage, null);
    }),
    { numRuns: runs, seed },
  );
});

/** Without an intact header nothing in a file is believed. */
function headerEnd(bytes: Buffer, ends: readonly number[], list: readonly string[]): number {
  const first = JSON.stringify({ exchange: list[0], attempt: 0 });
  return (ends[0] ?? bytes.length) - 12 - Buffer.byteLength(first);
}

test('a tail of zeros, as power loss leaves it, is no record', () => {
  const { bytes, ends } = renderSegment(['a', 'b']);
  const read = parseSegment(Buffer.concat([bytes, Buffer.alloc(4096)]));
  assert.equal(read.records.length, 2);
  assert.deepEqual(
    { kind: read.damage?.kind, offset: read.damage?.offset },
    { kind: 'corrupt', offset: ends[1] },
  );
});

test('a frame of a later format version is not guessed at', () => {
  const buffer = Buffer.alloc(200);
  let offset = segmentMagic.copy(buffer);
  offset = renderFrame(buffer, offset, { type: frameType.segment, payload: '{}' });
  const end = renderFrame(buffer, offset, { type: frameType.progress, payload: '{}' });
  const other = reversion(buffer.subarray(offset, end), 2);
  const read = parseSegment(Buffer.concat([buffer.subarray(0, offset), other]));
  assert.equal(read.records.length, 0);
  assert.equal(read.damage?.kind, 'version');
});

/** The same frame under another version number, its checksum made right. */
function reversion(frame: Buffer, version: number): Buffer {
  const copy = Buffer.from(frame);
  copy[8] = version;
  copy.writeUInt32LE(crc32(copy.subarray(4)), 0);
  return copy;
}
