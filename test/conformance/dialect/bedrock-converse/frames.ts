import { crc32 } from 'node:zlib';

export interface Frame {
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Record<string, unknown>;
}

/** Frames of an event stream, one character for each byte, as its specification lays them out. */
export function framesOf(stream: string): Frame[] {
  const bytes = Buffer.from(stream, 'latin1');
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length;) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const [total, headersLength] = [view.getUint32(0), view.getUint32(4)];
    if (view.getUint32(8) !== crc32(bytes.subarray(at, at + 8))) throw new Error('checksum of the prelude');
    const frame = bytes.subarray(at, at + total);
    if (frame.length < total) throw new Error('the last frame is not complete');
    if (view.getUint32(total - 4) !== crc32(frame.subarray(0, -4))) throw new Error('checksum of the frame');
    const headers: Record<string, string> = {};
    for (let h = 12; h < 12 + headersLength;) {
      const name = frame.toString('latin1', h + 1, h + 1 + frame[h]!);
      h += 1 + frame[h]!;
      if (frame[h] !== 7) throw new Error('a header that is no string');
      const length = frame.readUInt16BE(h + 1);
      headers[name] = frame.toString('utf8', h + 3, h + 3 + length);
      h += 3 + length;
    }
    const payload = JSON.parse(frame.toString('utf8', 12 + headersLength, total - 4)) as Frame['payload'];
    frames.push({ headers, payload });
    at += total;
  }
  return frames;
}
