/** `number` is the asker's; its answer has the same. */
export interface Question {
  readonly number: number;
  /** The port it came by. */
  readonly asker: number;
  readonly ask: unknown;
}

export interface Reply {
  readonly number: number;
  /** What went wrong; null: nothing. */
  readonly error: string | null;
  readonly answer: unknown;
}

/** What the thread of a service is told besides. `gone`: the asker's port is closed, its thread has ended. */
export type Word = 'close' | { readonly gone: number };
