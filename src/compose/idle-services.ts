import type { Snapshot } from '#core/snapshot.ts';
import { compileExchangeRule } from '#expressions/index.ts';
import type { SharedServices } from '#pipeline/compile-routes.ts';
import { directoriesOf } from './directories.ts';
import { systemClock } from './system-clock.ts';

const nothing = () => {
  throw new Error('these policies are only looked at, never run');
};

/** For policies that are made to be looked at, or to see whether they can be made of a snapshot. */
export const idleServices = (snapshot: Snapshot): SharedServices => ({
  ...directoriesOf(snapshot),
  clock: systemClock,
  keys: { find: nothing },
  audit: { hasRoom: nothing, put: nothing },
  rule: compileExchangeRule,
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
  answers: {
    find: nothing,
    keep: nothing,
    drop: nothing,
    purge: nothing,
    lead: nothing,
    settled: nothing,
    isVain: nothing,
  },
});
