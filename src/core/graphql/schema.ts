/** What of a server's schema must be known to say what an operation costs. Plain data, for a snapshot. */
export interface GraphqlSchema {
  /** Names of the root types. */
  readonly query: string;
  readonly mutation: string;
  readonly subscription: string;
  /** Fields of objects and interfaces by their types; unions have none, and what is not there has no fields at all. */
  readonly types: Readonly<Record<string, Readonly<Record<string, FieldType>>>>;
}

export interface FieldType {
  /** Without its lists and exclamation marks. */
  readonly type: string;
  readonly list: boolean;
  /** Arguments that are numbers where none is given; absent: there are none. */
  readonly defaults?: Readonly<Record<string, number>>;
}

/** What a root type is called where no schema says it. */
export const usualRoots = { query: 'Query', mutation: 'Mutation', subscription: 'Subscription' } as const;
