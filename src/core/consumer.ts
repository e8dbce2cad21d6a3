import type { ClientCertificate } from './listener.ts';

/**
 * Whoever authenticated, by a key, a token, a certificate, a signature or another service's word: in exactly one project, in any
 * number of groups.
 */
export interface Consumer {
  /** Of the credential, such as a key's: what receipts and limits by key name. */
  readonly id: string;
  /** As people know it. */
  readonly name: string;
  /** Its name under `consumers`, where it is one of these: all credentials of it are one to limits by consumer. */
  readonly consumer?: string;
  readonly project: string;
  readonly team: string;
  readonly groups: readonly string[];
  /** Names and `*` patterns of models it may use; null: all that its project may. */
  readonly models: readonly string[] | null;
  /** The highest priority, from 1 to 9, that its calls may ask for in a queue; absent: they have their route's. */
  readonly priority?: number;
}

/** One that the configuration names: who its credentials are, and those that are not keys. */
export interface NamedConsumer extends Consumer {
  readonly consumer: string;
}

/** What proves, besides keys and tokens, that it is a consumer who calls. */
export type ConsumerCredential = { readonly consumer: string } & (
  | { readonly kind: 'password'; readonly user: string; readonly check: PasswordCheck }
  | { readonly kind: 'signing-key'; readonly id: string; readonly secretBase64: string }
  | { readonly kind: 'certificate'; readonly by: 'sha256' | 'subject' | 'san'; readonly value: string }
);

/** How a password is known again. Salts and digests are in base64. */
export type PasswordCheck =
  /** Of a password that the configuration holds: there is nothing to be gained by a slow hash. */
  | { readonly scheme: 'sha256'; readonly digest: string }
  | {
      readonly scheme: 'scrypt';
      /** Iterations (N), a power of two. */
      readonly cost: number;
      readonly blockSize: number;
      readonly parallelization: number;
      readonly salt: string;
      readonly digest: string;
    }
  | {
      readonly scheme: 'argon2d' | 'argon2i' | 'argon2id';
      readonly memoryKib: number;
      readonly passes: number;
      readonly lanes: number;
      readonly salt: string;
      readonly digest: string;
    };

/** Whoever a credential proves to call, with that credential's id. */
export interface PasswordOwner {
  readonly consumer: NamedConsumer;
  readonly check: PasswordCheck;
}
export interface SigningKeyOwner {
  readonly consumer: NamedConsumer;
  readonly secretBase64: string;
}

/** The configuration's consumers, by name and by what they prove themselves with. */
export interface ConsumerDirectory {
  find(name: string): NamedConsumer | undefined;
  readonly all: readonly NamedConsumer[];
  /** Whose user name it is. */
  findUser(user: string): PasswordOwner | undefined;
  readonly users: readonly PasswordOwner[];
  /** Whose signatures name this key. */
  findSigner(keyId: string): SigningKeyOwner | undefined;
  /** Whose certificate it is: by its fingerprint, else its subject, else one of its names. What fits two is nobody's. */
  findCertificate(certificate: ClientCertificate): NamedConsumer | undefined;
}
