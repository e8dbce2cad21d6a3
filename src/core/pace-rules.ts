/** How calls to a provider wait for its own limits where their route says nothing of queues. */
export interface PaceRules {
  readonly max: number;
  readonly waitMs: number;
}
