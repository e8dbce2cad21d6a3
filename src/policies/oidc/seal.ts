import { hkdfSync } from 'node:crypto';

/**
 * What a client keeps for us and can neither read nor change: JWE (RFC 7516), AES-256-GCM under keys that are derived for one
 * purpose. The first secret encrypts, each of them decrypts.
 */
export class Seal {
  readonly #keys: readonly Uint8Array[];

  constructor(secrets: readonly string[], purpose: string) {
    this.#keys = secrets.map((secret) => new Uint8Array(hkdfSync('sha256', secret, '', purpose, 32)));
  }

  async close(value: object): Promise<string> {
    const { CompactEncrypt } = await import('jose');
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    return new CompactEncrypt(bytes)
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(this.#keys[0]!);
  }

  /** Null: it is none of ours. */
  async open<T extends object>(sealed: string): Promise<T | null> {
    const { compactDecrypt } = await import('jose');
    for (const key of this.#keys) {
      try {
        const { plaintext } = await compactDecrypt(sealed, key, {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
        });
        return JSON.parse(new TextDecoder().decode(plaintext)) as T;
      } catch {
        // Another key may be it.
      }
    }
    return null;
  }
}
