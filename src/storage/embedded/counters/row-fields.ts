import { rowHeaderWords } from './layout.ts';

/** Words of a row, from its beginning. What `last` and `spare` mean is its kind's affair; so are the words after the header. */
export const rowField = {
  hash0: 0,
  hash1: 1,
  kind: 2,
  windowMs: 3,
  last: 4,
  /** Units that count. */
  sum: 5,
  /** Changed when the row is given to another subject. */
  generation: 6,
  spare: 7,
} as const;

/** Word of the n-th value after a row's header. */
export const rowValue = (row: number, n: number): number => row + rowHeaderWords + n;
