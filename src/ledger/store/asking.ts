/** A statement that reads, in SQL that every database of ours understands; `?` stands for the values. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly (string | number | bigint)[];
}

/** Whole numbers come as number or bigint, as the database likes it; bytes as Uint8Array. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * What is asked of the books, a statement at a time, each given its rows: so that one wording serves a database that
 * answers at once and one that is waited for.
 */
export type Asking<T> = Generator<Statement, T, Row[]>;

/** Asks a database that answers at once. */
export function askAtOnce<T>(asking: Asking<T>, answer: (statement: Statement) => Row[]): T {
  for (let step = asking.next(); ;) {
    if (step.done) return step.value;
    step = asking.next(answer(step.value));
  }
}

/** Asks a database that is waited for. */
export async function askInTime<T>(
  asking: Asking<T>,
  answer: (statement: Statement) => Promise<Row[]>,
): Promise<T> {
  for (let step = asking.next(); ;) {
    if (step.done) return step.value;
    step = asking.next(await answer(step.value));
  }
}

/** `(?, ?, ?)` */
export const listOf = (values: readonly unknown[]): string => `(${values.map(() => '?').join(', ')})`;
