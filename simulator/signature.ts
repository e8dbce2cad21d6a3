import { createHash } from 'node:crypto';

/** The signature the simulator gives a thinking text; a replay with another text or signature is refused. */
export function signThinking(thinking: string): string {
  return `sim-sig-${createHash('sha256').update(thinking).digest('base64').slice(0, 32)}`;
}

export function isOwnSignature(thinking: string, signature: string): boolean {
  return signature === signThinking(thinking);
}

export function redactThinking(callNumber: number): string {
  return `sim-redacted-${callNumber}`;
}

export function isOwnRedaction(data: string): boolean {
  return /^sim-redacted-\d+$/.test(data);
}
