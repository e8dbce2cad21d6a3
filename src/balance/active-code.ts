import type { ActiveVerdict } from '#core/contracts/pool-control.ts';

/** Verdicts of active checks as they stand in a slot. */
export const activeCode = { unknown: 0, healthy: 1, unhealthy: 2 } as const satisfies Record<
  ActiveVerdict,
  number
>;

export const activeVerdicts: readonly ActiveVerdict[] = ['unknown', 'healthy', 'unhealthy'];
