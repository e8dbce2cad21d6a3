import { crc32 } from 'node:zlib';
import type { JsonObject } from '#core/call.ts';
import type { Framing } from '#core/contracts/framing.ts';
import { Fault } from '#core/fault.ts';

/**
 * Amazon's event stream: a prelude (length of all, length of the headers, their checksum), headers, a payload, and a checksum
 * over all of it. https://smithy.io/2.0/aws/amazon-eventstream.html
 */
export const mediaType = 'application/vnd.amazon.eventstream';

const preludeBytes = 12;
/** Prelude and last checksum. */
const leastBytes = 16;
/** Clients take no more, nor do we. */
const mostBytes = 24 * 1024 * 1024;
const typeString = 7;

export const eventStream: Framing = {
  mediaType,
  encoding: 'latin1',
  endOf(text, from) {
    if (text.length - from < preludeBytes) return -1;
    const prelude = Buffer.from(text.slice(from, from + preludeBytes), 'latin1');
    const total = prelude.readUInt32BE(0);
    if (crc32(prelude.subarray(0, 8)) !== prelude.readUInt32BE(8))
      throw broken('a wrong checksum of its prelude');
    if (total < leastBytes || total > mostBytes || prelude.readUInt32BE(4) > total - leastBytes)
      throw broken('lengths that cannot be');
    return text.length - from < total ? -1 : from + total;
  },
  parse(frame) {
    const bytes = Buffer.from(frame, 'latin1');
    const end = bytes.length - 4;
    if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32BE(end)) throw broken('a wrong checksum');
    const payloadAt = preludeBytes + bytes.readUInt32BE(4);
    const headers = readHeaders(bytes.subarray(preludeBytes, payloadAt));
    const payload = bytes.toString('utf8', payloadAt, end);
    switch (headers.get(':message-type')) {
      case 'event':
        return { name: '', data: wrapped(headers.get(':event-type') ?? '', payload) };
      case 'exception':
        return { name: '', data: wrapped(headers.get(':exception-type') ?? 'exception', payload) };
      default: {
        const message = headers.get(':error-message') ?? '';
        return {
          name: '',
          data: wrapped(headers.get(':error-code') ?? 'error', JSON.stringify({ message })),
        };
      }
    }
  },
  // A frame says how long it is: one that is cut short is none.
  closing: null,
};

/** An event under its type, as the documents show it. */
const wrapped = (type: string, payload: string): string =>
  `{${JSON.stringify(type)}:${payload === '' ? '{}' : payload}}`;

function readHeaders(bytes: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 0;
  while (at < bytes.length) {
    const nameEnd = at + 1 + bytes[at]!;
    if (nameEnd + 3 > bytes.length || bytes[nameEnd] !== typeString)
      throw broken('a header that is no string');
    const valueAt = nameEnd + 3;
    const valueEnd = valueAt + bytes.readUInt16BE(nameEnd + 1);
    if (valueEnd > bytes.length) throw broken('a header that is longer than all of them');
    headers.set(bytes.toString('latin1', at + 1, nameEnd), bytes.toString('utf8', valueAt, valueEnd));
    at = valueEnd;
  }
  return headers;
}

const broken = (what: string): Fault =>
  new Fault('upstream/malformed-answer', `A frame of the upstream's event stream has ${what}.`);

/** A frame as text, one character for each byte. */
export function frameOf(kind: 'event' | 'exception', type: string, payload: JsonObject): string {
  const headers = Buffer.concat(
    [
      [`:${kind}-type`, type],
      [':content-type', 'application/json'],
      [':message-type', kind],
    ].map(([name, value]) => headerOf(name!, value!)),
  );
  const body = Buffer.from(JSON.stringify(payload));
  const frame = Buffer.alloc(leastBytes + headers.length + body.length);
  frame.writeUInt32BE(frame.length, 0);
  frame.writeUInt32BE(headers.length, 4);
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8);
  headers.copy(frame, preludeBytes);
  body.copy(frame, preludeBytes + headers.length);
  frame.writeUInt32BE(crc32(frame.subarray(0, frame.length - 4)), frame.length - 4);
  return frame.toString('latin1');
}

function headerOf(name: string, value: string): Buffer {
  const header = Buffer.alloc(4 + name.length + Buffer.byteLength(value));
  header[0] = name.length;
  header.write(name, 1, 'latin1');
  header[1 + name.length] = typeString;
  header.writeUInt16BE(Buffer.byteLength(value), 2 + name.length);
  header.write(value, 4 + name.length, 'utf8');
  return header;
}
