/** What of a document cannot be: its syntax, its fragments, or that it is more than is read. */
export type GraphqlErrorKind = 'syntax' | 'tokens' | 'nesting' | 'fragments' | 'operation';

/** A document that no server could run, or that is too large to be read. The message is for the caller. */
export class GraphqlError extends Error {
  readonly kind: GraphqlErrorKind;

  constructor(kind: GraphqlErrorKind, message: string) {
    super(message);
    this.name = 'GraphqlError';
    this.kind = kind;
  }
}
