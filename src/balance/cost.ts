import type { Balancer } from './balancer.ts';
import { takeTurn } from './smooth-round-robin.ts';

/** The least cost; what costs the same takes turns by weight. What has no price comes last. */
export const cost: Balancer<unknown> = (level, { costOf }) => {
  let least = Infinity;
  let cheapest: number[] = [];
  level.seats.forEach(({ index }, i) => {
    const costs = costOf?.(index) ?? Infinity;
    if (costs < least) {
      least = costs;
      cheapest = [i];
    } else if (costs === least) cheapest.push(i);
  });
  return cheapest.length === 1 ? cheapest[0]! : takeTurn(level, cheapest);
};
