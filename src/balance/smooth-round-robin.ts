import type { Balancer } from './balancer.ts';
import type { Level } from './level.ts';

/**
 * Smooth weighted round robin, after nginx's `ngx_http_upstream_round_robin`: each gains its weight at every turn, who has
 * most is chosen and pays the sum of all. Weights of 5, 1 and 1 give `a a b a c a a`, never five in a row at once. Every
 * thread takes its own turns.
 */
export const smoothRoundRobin: Balancer<unknown> = ({ seats, weights, totalWeight }) => {
  let best = 0;
  let most = -Infinity;
  for (let i = 0; i < seats.length; i++) {
    const seat = seats[i]!;
    const owed = (seat.owed += weights[i]!);
    // A hair's breadth is rounding: then the earlier one is next.
    if (owed > most + 1e-9) {
      most = owed;
      best = i;
    }
  }
  seats[best]!.owed -= totalWeight;
  return best;
};

/** The same among some of the level's seats. */
export function takeTurn<T>({ seats, weights }: Level<T>, among: readonly number[]): number {
  let best = among[0]!;
  let total = 0;
  for (const i of among) {
    total += weights[i]!;
    const owed = (seats[i]!.owed += weights[i]!);
    if (owed > seats[best]!.owed + 1e-9) best = i;
  }
  seats[best]!.owed -= total;
  return best;
}
