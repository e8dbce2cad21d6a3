import type { Level } from './level.ts';

/**
 * Which priority takes the next exchange. Each takes what its healthy weight, times the overprovisioning factor, is able
 * to; what is over goes to the next (Envoy's priority levels). When all together are not able to take everything, each
 * takes its part of the whole.
 */
export function drawLevel<T>(levels: readonly Level<T>[], random: () => number): Level<T> {
  if (levels.length === 1 || levels[0]!.share >= 1) return levels[0]!;
  let sum = 0;
  for (const { share } of levels) sum += share;
  if (sum <= 0) return levels[0]!;
  let aim = random() * sum;
  for (const level of levels) {
    aim -= level.share;
    if (aim < 0) return level;
  }
  return levels[levels.length - 1]!;
}
