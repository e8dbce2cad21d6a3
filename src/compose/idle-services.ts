import type { PolicyServices } from '#core/contracts/policy.ts';
import { systemClock } from './system-clock.ts';

const nothing = () => {
  throw new Error('these policies are only looked at, never run');
};

/** For policies that are made to be looked at, or to see whether they can be made. */
export const idleServices: Omit<PolicyServices, 'instance'> = {
  clock: systemClock,
  keys: { find: nothing },
  consumers: { find: nothing, all: [] },
  cache: {
    claim: nothing,
    begin: nothing,
    put: nothing,
    finish: nothing,
    release: nothing,
    get: nothing,
  },
};
