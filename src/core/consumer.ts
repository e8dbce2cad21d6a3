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

/** The configuration's consumers, by name. */
export interface ConsumerDirectory {
  find(name: string): NamedConsumer | undefined;
  readonly all: readonly NamedConsumer[];
}
