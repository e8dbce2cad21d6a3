import { crc32 } from 'node:zlib';

const text = (value: string): Buffer => Buffer.from(value);
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

function header(name: string, value: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text(value).length);
  return Buffer.concat([Buffer.from([name.length]), text(name), Buffer.from([7]), length, text(value)]);
}

/** One frame of Amazon's event stream, after its specification. */
export function eventFrame(kind: 'event' | 'exception', type: string, payload: unknown): Buffer {
  const headers = Buffer.concat([
    header(`:${kind}-type`, type),
    header(':content-type', 'application/json'),
    header(':message-type', kind),
  ]);
  const body = text(JSON.stringify(payload));
  const lengths = Buffer.concat([u32(16 + headers.length + body.length), u32(headers.length)]);
  const whole = Buffer.concat([lengths, u32(crc32(lengths)), headers, body]);
  return Buffer.concat([whole, u32(crc32(whole))]);
}
