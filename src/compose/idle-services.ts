import type { PolicyServices } from '#core/contracts/policy.ts';
import type { Snapshot } from '#core/snapshot.ts';
import { directoriesOf } from './directories.ts';
import { systemClock } from './system-clock.ts';

const nothing = () => {
  throw new Error('these policies are only looked at, never run');
};

/** For policies that are made to be looked at, or to see whether they can be made of a snapshot. */
export const idleServices = (snapshot: Snapshot): Omit<PolicyServices, 'instance'> => ({
  ...directoriesOf(snapshot),
  clock: systemClock,
  keys: { find: nothing },
  ask: nothing,
  keep: (_, make) => make(),
  cache: {
    claim: nothing,
    begin: nothing,
    put: nothing,
    finish: nothing,
    release: nothing,
    get: nothing,
  },
});
