/** What callers may ask of the books: their own project's usage, and nothing else. */

export const accountDimensions = ['model', 'key', 'day', 'service'] as const;
export type AccountDimension = (typeof accountDimensions)[number];

export interface AccountQuery {
  /** Whose: never what a caller says. */
  readonly project: string;
  readonly by: readonly AccountDimension[];
  /** First and last day in UTC, as `2026-11-23`, both included. */
  readonly fromDay: string;
  readonly toDay: string;
}

export interface AccountRow {
  readonly group: Readonly<Partial<Record<AccountDimension, string>>>;
  /** Empty where nothing has a price. */
  readonly currency: string;
  readonly requests: number;
  readonly errors: number;
  readonly inputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  /** What is paid for it. */
  readonly priceNano: bigint;
}

export interface Account {
  /** Rejects with a RangeError for what cannot be summed up by together, and when the books cannot be read. */
  usage(query: AccountQuery): Promise<readonly AccountRow[]>;
}
