import { opcodes } from './frame-scanner.ts';

/**
 * A control frame. `mask` is what a client's frames are masked with (RFC 6455 §5.3): four bytes nobody can guess; null for
 * a server's. A payload has at most 125 bytes.
 */
export function renderControl(opcode: number, payload: Uint8Array, mask: Uint8Array | null): Uint8Array {
  const start = mask ? 6 : 2;
  const frame = new Uint8Array(start + payload.length);
  frame[0] = 0x80 | opcode;
  frame[1] = (mask ? 0x80 : 0) | payload.length;
  if (mask) frame.set(mask, 2);
  for (let i = 0; i < payload.length; i++) frame[start + i] = payload[i]! ^ (mask ? mask[i & 3]! : 0);
  return frame;
}

/** A close frame with a code and a reason, which is cut to fit. */
export function renderClose(code: number, reason: string, mask: Uint8Array | null): Uint8Array {
  const text = new TextEncoder().encode(reason.slice(0, 40));
  const payload = new Uint8Array(2 + text.length);
  payload[0] = code >> 8;
  payload[1] = code & 0xff;
  payload.set(text, 2);
  return renderControl(opcodes.close, payload, mask);
}

/** A whole text message of a server. */
export function renderText(text: string): Uint8Array {
  const payload = new TextEncoder().encode(text);
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = new Uint8Array(2 + lengthBytes + length);
  frame[0] = 0x80 | opcodes.text;
  frame[1] = lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127;
  for (let i = 0, rest = length; i < lengthBytes; i++, rest = Math.floor(rest / 256))
    frame[1 + lengthBytes - i] = rest % 256;
  frame.set(payload, 2 + lengthBytes);
  return frame;
}
