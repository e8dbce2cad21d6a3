import type { Clock } from '#core/contracts/clock.ts';
import type { LiveFigures } from '#core/live-figures.ts';

/** Whoever watches asks once a second. */
const freshMs = 900;

/** However many watch, threads are asked once. */
export function createLiveSampler(
  sample: () => Promise<LiveFigures>,
  clock: Pick<Clock, 'monotonicMs'>,
): () => Promise<LiveFigures> {
  let latest: { readonly atMs: number; readonly figures: Promise<LiveFigures> } | null = null;
  return () => {
    const nowMs = clock.monotonicMs();
    if (!latest || nowMs - latest.atMs >= freshMs) latest = { atMs: nowMs, figures: sample() };
    return latest.figures;
  };
}
