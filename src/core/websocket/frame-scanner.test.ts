import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isSendable, isValidClose } from './close-codes.ts';
import { FrameScanner, opcodes, type ScannerSettings } from './frame-scanner.ts';

const settings: ScannerSettings = {
  masked: false,
  rsv1: false,
  maxMessageBytes: 70_000,
  maxControlFrames: 1000,
};

interface Frame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly payload: Uint8Array;
  readonly rsv: number;
}

function render({ opcode, fin, payload, rsv }: Frame, masked: boolean): Buffer {
  const { length } = payload;
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const bit = masked ? 0x80 : 0;
  if (length < 126) head.push(bit | length);
  else if (length < 65_536) head.push(bit | 126, length >> 8, length & 255);
  else
    head.push(bit | 127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255);
  if (!masked) return Buffer.concat([Buffer.from(head), payload]);
  const mask = [0x12, 0xf4, 0x9c, 0x01];
  return Buffer.concat([Buffer.from([...head, ...mask]), payload.map((byte, i) => byte ^ mask[i & 3]!)]);
}

interface Seen {
  passed: Buffer;
  readonly controls: string[];
  messages: number;
  bytes: number;
  code: number;
  close: number;
}

/** All frames at once, by the plain reading of RFC 6455 §5: what should pass, and how it should end. */
function slow(frames: readonly Frame[], { masked, rsv1, maxMessageBytes }: ScannerSettings): Seen {
  const seen: Seen = { passed: Buffer.alloc(0), controls: [], messages: 0, bytes: 0, code: 0, close: 0 };
  let open: number | null = null;
  for (const frame of frames) {
    const { opcode, fin, payload, rsv } = frame;
    const fail = (code: number) => ({ ...seen, code });
    const isControl = opcode >= 8;
    if (rsv !== 0 && !(rsv === 4 && rsv1 && (opcode === 1 || opcode === 2))) return fail(1002);
    if (![0, 1, 2, 8, 9, 10].includes(opcode)) return fail(1002);
    if (isControl && (!fin || payload.length > 125)) return fail(1002);
    if (!isControl && (opcode === 0) !== (open !== null)) return fail(1002);
    if (!isControl) {
      if ((open ?? 0) + payload.length > maxMessageBytes) return fail(1009);
      open = fin ? null : (open ?? 0) + payload.length;
      seen.bytes += payload.length;
      if (fin) seen.messages++;
    } else {
      if (opcode === 8 && !isValidClose(payload)) return fail(1002);
      seen.controls.push(`${opcode}:${Buffer.from(payload).toString('hex')}`);
    }
    seen.passed = Buffer.concat([seen.passed, render(frame, masked)]);
    if (opcode === 8) {
      const code = payload.length === 0 ? 1005 : payload[0]! * 256 + payload[1]!;
      return { ...seen, close: code };
    }
  }
  return seen;
}

function fast(chunks: readonly Uint8Array[], given: ScannerSettings): Seen {
  const passed: Uint8Array[] = [];
  const controls: string[] = [];
  const scanner = new FrameScanner(given, {
    pass: (bytes) => void passed.push(Uint8Array.from(bytes)),
    control(opcode, payload) {
      controls.push(`${opcode}:${Buffer.from(payload).toString('hex')}`);
      return true;
    },
    border: () => assert.fail('nobody asked'),
  });
  for (const chunk of chunks) scanner.push(chunk);
  const { messages, bytes, violation, closeCode } = scanner;
  return {
    passed: Buffer.concat(passed),
    controls,
    messages,
    bytes,
    code: violation?.code ?? 0,
    close: closeCode,
  };
}

const payload = fc.oneof(
  fc.uint8Array({ maxLength: 8 }),
  fc
    .constantFrom(0, 124, 125, 126, 127, 65_535, 65_536, 70_001)
    .map((length) => new Uint8Array(length).fill(7)),
  fc.constantFrom('03e8', '03e86f6b', '03ed', '0fa1', '03e8ff', '03').map((hex) => Buffer.from(hex, 'hex')),
);
const frame: fc.Arbitrary<Frame> = fc.record({
  opcode: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(0, 0, 1, 2, 8, 9, 10) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 15 }) },
  ),
  fin: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 2, arbitrary: fc.constant(false) }),
  payload,
  rsv: fc.oneof(
    { weight: 12, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 7 }) },
  ),
});
const runs = Number(process.env['SLUICE_FUZZ_RUNS'] ?? 300);

test('cut anywhere, frames are judged and passed as by the plain reading of the RFC', () => {
  const kinds = fc.record({ masked: fc.boolean(), rsv1: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 8 }),
      kinds,
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }),
      (frames, kind, sizes) => {
        const given = { ...settings, ...kind };
        const bytes = Buffer.concat(frames.map((one) => render(one, given.masked)));
        const chunks: Buffer[] = [];
        // Small pieces first, where headers are; the rest in one.
        let at = 0;
        for (const size of sizes) {
          if (at < bytes.length) chunks.push(bytes.subarray(at, (at += size)));
        }
        chunks.push(bytes.subarray(at));
        assert.deepEqual(fast(chunks, given), slow(frames, given));
      },
    ),
    { numRuns: runs, seed: 6455 },
  );
});

test('at every single cut, and byte by byte', () => {
  const of = (opcode: number, length: number, fin = true): Frame => ({
    opcode,
    fin,
    payload: new Uint8Array(length).fill(length),
    rsv: 0,
  });
  const frames = [
    of(1, 3, false),
    of(9, 5),
    of(0, 200, false),
    of(0, 0),
    of(2, 126),
    of(10, 0),
    { ...of(8, 0), payload: Buffer.from('03e962', 'hex') },
  ];
  for (const masked of [true, false]) {
    const given = { ...settings, masked };
    const bytes = Buffer.concat(frames.map((one) => render(one, masked)));
    const expected = slow(frames, given);
    assert.equal(expected.close, 1001);
    for (let cut = 0; cut <= bytes.length; cut++)
      assert.deepEqual(fast([bytes.subarray(0, cut), bytes.subarray(cut)], given), expected, `cut at ${cut}`);
    assert.deepEqual(
      fast(
        [...bytes].map((byte) => Buffer.from([byte])),
        given,
      ),
      expected,
    );
  }
});

test('what the other side was told by us goes between two frames, even within one chunk', () => {
  const text = (letter: string): Frame => ({
    opcode: 1,
    fin: true,
    payload: Buffer.from(letter.repeat(10)),
    rsv: 0,
  });
  const bytes = Buffer.concat([render(text('a'), false), render(text('b'), false)]);
  const passed: string[] = [];
  const scanner = new FrameScanner(settings, {
    pass: (part) => void passed.push(Buffer.from(part).toString('latin1').replace(/[^ab]/g, '.')),
    control: () => true,
    border: () => {
      passed.push('|');
      scanner.wantsBorder = false;
    },
  });
  scanner.push(bytes.subarray(0, 6));
  assert.equal(scanner.atBorder, false);
  scanner.wantsBorder = true;
  scanner.push(bytes.subarray(6));
  assert.deepEqual(passed, ['..aaaa', 'aaaaaa', '|', '..bbbbbbbbbb']);
  assert.equal(scanner.atBorder, true);
});

test('too many control frames, or fragments of one message, end it; with time there is room again', () => {
  const handler = { pass() {}, control: () => true, border() {} };
  const ping = render({ opcode: opcodes.ping, fin: true, payload: new Uint8Array(0), rsv: 0 }, false);
  const scanner = new FrameScanner({ ...settings, maxControlFrames: 3 }, handler);
  for (let i = 0; i < 3; i++) assert.equal(scanner.push(ping), null);
  scanner.calm(1);
  assert.equal(scanner.push(ping), null);
  assert.equal(scanner.push(ping)?.code, 1008);
  const tiny = new FrameScanner(settings, handler);
  const empty = Buffer.concat(Array<Buffer>(70_000).fill(Buffer.from([0, 0])));
  assert.equal(tiny.push(Buffer.concat([Buffer.from([1, 0]), empty]))?.code, 1008);
});

test('close codes: what may be sent', () => {
  for (const code of [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999])
    assert.ok(isSendable(code), `${code}`);
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535])
    assert.ok(!isSendable(code), `${code}`);
});
