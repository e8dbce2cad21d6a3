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
