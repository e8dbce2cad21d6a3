/** How calls of a route wait, where a limit has no room for them now and will have some soon. */
export interface QueueRules {
  /** Places in a line of one thread. */
  readonly max: number;
  readonly waitMs: number;
  /** Who is to get a fair share of what becomes free. */
  readonly by: 'key' | 'project' | 'team';
  /** Shares by name, as set against 1, which all others have. */
  readonly weights: ReadonlyMap<string, number>;
  /** Name, in lower case, of the header by which a key that may asks for a priority; null: there is none. */
  readonly priorityHeader: string | null;
}
