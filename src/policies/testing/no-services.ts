import type { PolicyServices } from '#core/contracts/policy.ts';
import { createConsumerDirectory } from '#core/consumer-directory.ts';

/** For tests of policies that need none of these: nobody is known, and nothing may be asked for. */
export const noServices: PolicyServices = {
  instance: 'policy/0',
  keys: { find: () => undefined },
  consumers: createConsumerDirectory([], []),
  teamOf: () => undefined,
  keep: (_, make) => make(),
  cache: null as never,
  answers: null as never,
  ask: null as never,
  clock: null as never,
  audit: null as never,
  rule: (text) => ({ text, readsCall: false, holds: () => false }),
  create: () => null as never,
};
