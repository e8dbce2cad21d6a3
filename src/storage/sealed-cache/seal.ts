import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

/** Derived keys that are kept at hand; projects are the operator's, but may be many. */
const maxKept = 1024;
const nonceBytes = 12;
const tagBytes = 16;

interface ProjectKeys {
  readonly seal: Buffer;
  readonly mark: Buffer;
}

/**
 * Encrypts and names under keys of a project, derived from one secret (HKDF, RFC 5869). A sealed value is a nonce, AES-256-GCM's
 * text, and its tag; a nonce is of chance, which is good for 2^32 values of one project (NIST SP 800-38D §8.3).
 */
export class Seal {
  readonly #secret: Uint8Array;
  readonly #keys = new Map<string, ProjectKeys>();

  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /** A keyed hash: says nothing of the text, and differs from project to project. */
  mark(project: string, text: string): string {
    return createHmac('sha256', this.#keysOf(project).mark).update(text).digest('base64url');
  }

  /** @param place What it may be taken for: a value that is moved elsewhere does not open. */
  seal(project: string, place: string, plain: Uint8Array | string): Uint8Array {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#keysOf(project).seal, nonce);
    cipher.setAAD(Buffer.from(place));
    const text = typeof plain === 'string' ? cipher.update(plain, 'utf8') : cipher.update(plain);
    cipher.final();
    // In memory of its own: it goes to another thread, which would be sent the whole of a shared piece.
    const sealed = new Uint8Array(nonceBytes + text.length + tagBytes);
    sealed.set(nonce, 0);
    sealed.set(text, nonceBytes);
    sealed.set(cipher.getAuthTag(), nonceBytes + text.length);
    return sealed;
  }

  /** @throws Error when it was sealed elsewhere, for another place, or was changed. */
  open(project: string, place: string, sealed: Uint8Array): Buffer {
    const decipher = createDecipheriv(
      'aes-256-gcm',
      this.#keysOf(project).seal,
      sealed.subarray(0, nonceBytes),
      { authTagLength: tagBytes },
    );
    decipher.setAAD(Buffer.from(place));
    decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
    const plain = decipher.update(sealed.subarray(nonceBytes, sealed.length - tagBytes));
    decipher.final();
    return plain;
  }

  #keysOf(project: string): ProjectKeys {
    let keys = this.#keys.get(project);
    if (keys) return keys;
    if (this.#keys.size >= maxKept) this.#keys.clear();
    keys = { seal: this.#derive(`cache seal ${project}`), mark: this.#derive(`cache mark ${project}`) };
    this.#keys.set(project, keys);
    return keys;
  }

  #derive(info: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#secret, Buffer.alloc(0), info, 32));
  }
}
