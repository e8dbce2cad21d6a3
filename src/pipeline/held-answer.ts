/**
 * An answer that is delivered but for its end. The end is given only when the receipt is on record: a client that saw
 * the end can rely on having been counted.
 */
export interface Answer {
  /** What takes time before the receipt is written; nothing goes out meanwhile. Never rejects. */
  prepare?(): Promise<void>;
  /** Bytes of body that `release` will give, so that the receipt counts them; absent: none. */
  readonly heldBytes?: number;
  /** Delivers what was kept back. */
  release(): void;
  /** The receipt could not be written: the client must not take the answer for complete. */
  abandon(): void;
}
