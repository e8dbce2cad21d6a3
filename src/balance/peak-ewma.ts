import type { Balancer } from './balancer.ts';
import { latencyOf } from './ewma.ts';
import { drawTwo, lessOf } from './least-connections.ts';
import type { Level } from './level.ts';

/** What a member of which nothing is known costs while it has something in flight: nobody rushes at a newcomer. */
const unknownMs = 1000;

/**
 * Two are drawn by weight; who has the lower latency times what is in flight, for its weight, is taken (Finagle's
 * `aperture` and `p2c` balancers over the peak EWMA load metric). Latency is the time to the head of the answer, or to the
 * first content of a stream.
 */
export const peakEwma: Balancer<unknown> = (level, { nowMs, random }) =>
  level.seats.length === 1 ? 0 : lessOf(level, drawTwo(level, random), costOf, nowMs);

function costOf({ seats, weights }: Level<unknown>, i: number, nowMs: number): number {
  const { cell } = seats[i]!;
  const inFlight = cell.inFlight();
  const latency = latencyOf(cell, nowMs);
  if (latency === 0) return inFlight === 0 ? 0 : (unknownMs * (inFlight + 1)) / weights[i]!;
  return (latency * (inFlight + 1)) / weights[i]!;
}
