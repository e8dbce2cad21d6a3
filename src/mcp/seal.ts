import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { isObject } from '#core/read-json.ts';
import type { JsonObject } from '#core/call.ts';

const ivBytes = 12;
const tagBytes = 16;

/**
 * What clients keep for us and can neither read nor change: AES-256-GCM under a key that every thread, and every node with the same
 * secret, can derive.
 */
export class Seal {
  readonly #key: Uint8Array;

  constructor(secret: Uint8Array, purpose: string) {
    this.#key = new Uint8Array(hkdfSync('sha256', secret, '', purpose, 32));
  }

  close(value: JsonObject): string {
    const iv = randomBytes(ivBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#key, iv);
    const sealed = Buffer.concat([cipher.update(JSON.stringify(value)), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
  }

  /** Null: it is none of ours. */
  open(text: string): JsonObject | null {
    // Other spellings of the same bytes are not what was given out.
    const bytes = Buffer.from(text, 'base64url');
    if (bytes.length < ivBytes + tagBytes || bytes.toString('base64url') !== text) return null;
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, ivBytes));
    decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
    try {
      const plain =
        decipher.update(bytes.subarray(ivBytes + tagBytes), undefined, 'utf8') + decipher.final('utf8');
      const value: unknown = JSON.parse(plain);
      return isObject(value) ? value : null;
    } catch {
      return null;
    }
  }
}
