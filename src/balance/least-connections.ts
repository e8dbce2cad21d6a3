import type { Balancer } from './balancer.ts';
import { drawByWeight, type Level } from './level.ts';
import { takeTurn } from './smooth-round-robin.ts';

/** Up to as many are all looked at; of more, two. */
const fewSeats = 8;

/**
 * Fewest in flight for its weight. Among few members all are compared, and equal ones take turns by weight; among many,
 * two are drawn by weight and the less busy one is taken: nearly as even (Mitzenmacher, "The Power of Two Choices in
 * Randomized Load Balancing", 2001), at a cost that does not grow.
 */
export const leastConnections: Balancer<unknown> = (level, { random }) => {
  const { seats } = level;
  if (seats.length > fewSeats) return lessOf(level, drawTwo(level, random), loadOf);
  let least = Infinity;
  let first = 0;
  let ties: number[] | null = null;
  for (let i = 0; i < seats.length; i++) {
    const load = loadOf(level, i);
    if (load < least) {
      least = load;
      first = i;
      ties = null;
    } else if (load === least) (ties ??= [first]).push(i);
  }
  return ties ? takeTurn(level, ties) : first;
};

const loadOf = (level: Level<unknown>, i: number): number =>
  level.seats[i]!.cell.inFlight() / level.weights[i]!;

/** Two different seats, each by its weight; packed, the first one in the upper half, so that nothing is allocated. */
export function drawTwo(level: Level<unknown>, random: () => number): number {
  const count = level.seats.length;
  const one = drawByWeight(level, random());
  let other = drawByWeight(level, random());
  // Where one weighs nearly all, it is drawn again and again: then anybody else.
  for (let i = 0; other === one && i < 3; i++) other = drawByWeight(level, random());
  if (other === one && count > 1) other = (one + 1 + Math.floor(random() * (count - 1))) % count;
  return one * 0x10000 + other;
}

export function lessOf(
  level: Level<unknown>,
  pair: number,
  cost: (level: Level<unknown>, i: number, nowMs: number) => number,
  nowMs = 0,
): number {
  const one = Math.floor(pair / 0x10000);
  const other = pair % 0x10000;
  return cost(level, other, nowMs) < cost(level, one, nowMs) ? other : one;
}
