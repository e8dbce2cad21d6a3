export interface PolicyFilePlace {
  /** Path below the folder; empty: the folder itself. */
  readonly file: string;
  /** From 1; absent where it is not known. */
  readonly line?: number;
  readonly column?: number;
}

/** Something is wrong with a policy's file. */
export class PolicyFileError extends Error {
  readonly place: PolicyFilePlace;

  constructor(message: string, place: PolicyFilePlace) {
    super(message);
    this.name = 'PolicyFileError';
    this.place = place;
  }
}
