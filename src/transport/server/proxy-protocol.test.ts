import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ProxyHeaderError, readProxyHeader } from './proxy-protocol.ts';

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const text = (line: string) => Buffer.from(line, 'latin1');
/** A header of version 2. */
function binary(command: number, family: number, rest: Buffer, length = rest.length): Buffer {
  return Buffer.concat([signature, Buffer.from([command, family, length >> 8, length & 255]), rest]);
}
const tlv = (type: number, value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 255]), value]);
const four = Buffer.from([192, 0, 2, 1, 198, 51, 100, 1, 0x1f, 0x90, 0, 80]);
const six = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from('20010db8000000000000000000000002', 'hex'),
  Buffer.from([0x1f, 0x90, 0, 80]),
]);
const mapped = Buffer.concat([Buffer.from('00000000000000000000ffffc0000209', 'hex'), six.subarray(16)]);

const good: readonly (readonly [string, Buffer, string | null])[] = [
  ['v1 over IPv4', text('PROXY TCP4 192.0.2.1 198.51.100.1 8080 80\r\n'), '192.0.2.1'],
  ['v1 over IPv6', text('PROXY TCP6 2001:DB8::1 2001:db8::2 8080 80\r\n'), '2001:db8::1'],
  ['v1 with a mapped address', text('PROXY TCP6 ::ffff:192.0.2.9 ::1 1 2\r\n'), '192.0.2.9'],
  ['v1 unknown', text('PROXY UNKNOWN\r\n'), null],
  ['v1 unknown with something', text('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'), null],
  ['v2 over IPv4', binary(0x21, 0x11, four), '192.0.2.1'],
  ['v2 over IPv6', binary(0x21, 0x21, six), '2001:db8::1'],
  ['v2 with a mapped address', binary(0x21, 0x21, mapped), '192.0.2.9'],
  [
    'v2 with TLVs',
    binary(0x21, 0x11, Buffer.concat([four, tlv(2, text('a.test')), tlv(4, Buffer.alloc(9))])),
    '192.0.2.1',
  ],
  ['v2 of a UNIX socket', binary(0x21, 0x31, Buffer.alloc(216)), null],
  ['v2 unspecified', binary(0x21, 0x00, Buffer.from('whatever')), null],
  ['v2 local', binary(0x20, 0x00, Buffer.alloc(0)), null],
  ['v2 local with addresses', binary(0x20, 0x11, four), null],
];
const bad: readonly (readonly [string, Buffer])[] = [
  ['HTTP/1.1', text('GET / HTTP/1.1\r\n\r\n')],
  ['a greeting of TLS', Buffer.from([0x16, 3, 1, 0, 100])],
  ['lower case', text('proxy TCP4 192.0.2.1 198.51.100.1 8080 80\r\n')],
  ['an IPv6 address as IPv4', text('PROXY TCP4 ::1 ::2 8080 80\r\n')],
  ['a leading zero in an address', text('PROXY TCP4 192.0.2.01 198.51.100.1 8080 80\r\n')],
  ['a leading zero in a port', text('PROXY TCP4 192.0.2.1 198.51.100.1 08080 80\r\n')],
  ['a port too large', text('PROXY TCP4 192.0.2.1 198.51.100.1 65536 80\r\n')],
  ['a port missing', text('PROXY TCP4 192.0.2.1 198.51.100.1 8080\r\n')],
  ['two spaces', text('PROXY TCP4  192.0.2.1 198.51.100.1 8080 80\r\n')],
  ['something after the ports', text('PROXY TCP4 192.0.2.1 198.51.100.1 8080 80 x\r\n')],
  ['a zone in an address', text('PROXY TCP6 fe80::1%eth0 ::2 8080 80\r\n')],
  ['another family', text('PROXY UDP4 192.0.2.1 198.51.100.1 8080 80\r\n')],
  ['a bare line feed', text(`PROXY TCP4 192.0.2.1 198.51.100.1 8080 80\n${'x'.repeat(80)}`)],
  ['a line without an end', text(`PROXY UNKNOWN ${'x'.repeat(100)}`)],
  ['version 3', binary(0x31, 0x11, four)],
  ['an unknown command', binary(0x22, 0x11, four)],
  ['datagrams', binary(0x21, 0x12, four)],
  ['an unknown family', binary(0x21, 0x41, four)],
  ['addresses cut short', binary(0x21, 0x11, four.subarray(0, 11))],
  ['IPv6 addresses cut short', binary(0x21, 0x21, four)],
  ['a TLV that ends beyond the header', binary(0x21, 0x11, Buffer.concat([four, Buffer.from([2, 0, 9, 1])]))],
  ['a TLV without a length', binary(0x21, 0x11, Buffer.concat([four, Buffer.from([2, 0])]))],
  ['a length beyond all measure', binary(0x21, 0x11, four, 65_535)],
];
const outcome = (bytes: Buffer) => {
  try {
    return readProxyHeader(bytes);
  } catch (error) {
    assert.ok(error instanceof ProxyHeaderError, String(error));
    return 'refused';
  }
};

describe('a PROXY header', () => {
  for (const [what, bytes, source] of good)
    test(`is read: ${what}, from no byte less and whatever follows`, () => {
      for (let length = 1; length < bytes.length; length++)
        assert.equal(outcome(bytes.subarray(0, length)), null, `${length} bytes of ${bytes.length}`);
      const expected = { bytes: bytes.length, source };
      assert.deepEqual(outcome(bytes), expected);
      assert.deepEqual(outcome(Buffer.concat([bytes, text('GET / HTTP/1.1\r\n\r\n')])), expected);
    });

  for (const [what, bytes] of bad)
    test(`is refused: ${what}`, () => {
      assert.equal(outcome(bytes), 'refused');
      // Once refused it stays refused, and before that it is never taken for a header.
      let refused = false;
      for (let length = 1; length <= bytes.length; length++) {
        const now = outcome(bytes.subarray(0, length));
        assert.ok(now === 'refused' || (now === null && !refused), `${length} bytes`);
        refused = now === 'refused';
      }
    });

  test('is read or refused within its bound, whatever comes', () => {
    const start = fc.constantFrom(text('PROXY '), text('PROXY TCP4 '), signature, Buffer.alloc(0));
    fc.assert(
      fc.property(start, fc.uint8Array({ minLength: 0, maxLength: 300 }), (first, rest) => {
        const bytes = Buffer.concat([first, rest]);
        const whole = outcome(bytes);
        if (whole !== null && whole !== 'refused') assert.ok(whole.bytes <= bytes.length);
        // What more bytes would change is only that more of them are there.
        for (let length = 1; length < bytes.length; length++) {
          const part = outcome(bytes.subarray(0, length));
          if (part !== null) return assert.deepEqual(whole, part);
        }
      }),
      { numRuns: process.env['SLUICE_LONG'] ? 20_000 : 300, seed: 5 },
    );
    assert.notEqual(
      outcome(Buffer.concat([signature, Buffer.from([0x21, 0, 32, 1]), Buffer.alloc(9000)])),
      null,
    );
  });
});
