import { createConsumerDirectory } from '#core/consumer-directory.ts';
import type { Snapshot } from '#core/snapshot.ts';
import { compileExchangeRule } from '#expressions/index.ts';
import type { SharedServices } from '#pipeline/compile-routes.ts';
import { systemClock } from './system-clock.ts';

const nothing = () => {
  throw new Error('these policies are only looked at, never run');
};

/** For policies that are made to be looked at, or to see whether they can be made. */
export const idleServices = ({ consumers, credentials }: Snapshot): SharedServices => ({
  clock: systemClock,
  keys: { find: nothing },
  consumers: createConsumerDirectory(consumers, credentials),
  rule: compileExchangeRule,
  cache: {
    claim: nothing,
    begin: nothing,
    put: nothing,
    finish: nothing,
    release: nothing,
    get: nothing,
  },
});
