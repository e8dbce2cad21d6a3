import type { Balancer } from './balancer.ts';

/** The first one; but one that has come back and is warming up leaves a part of the exchanges to the next. */
export const ordered: Balancer<unknown> = ({ seats, weights }, { random }) => {
  for (let i = 0; i < seats.length - 1; i++) {
    const whole = seats[i]!.member.weight;
    if (weights[i]! >= whole || random() * whole < weights[i]!) return i;
  }
  return seats.length - 1;
};
