import type { Json } from './shape.ts';

/** A batch is worked through at once, and done at the second look: a client always sees it under way. */
export interface KeptBatch {
  /** The document while it is worked on, and when it is done. */
  running: Json;
  done: Json;
  looks: number;
  /** One for each call, in the vendor's words. */
  results: Json[];
}

/** The document at this look. */
export function lookAt(batch: KeptBatch): Json {
  return batch.looks-- > 0 ? batch.running : batch.done;
}

/** Ends it as it stands, without its results. */
export function cancel(batch: KeptBatch, done: Json): Json {
  if (batch.looks >= 0) {
    batch.done = done;
    batch.looks = -1;
  }
  return batch.done;
}

export const linesOf = (results: readonly Json[]): string =>
  results.map((result) => `${JSON.stringify(result)}\n`).join('');
