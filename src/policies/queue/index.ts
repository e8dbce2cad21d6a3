import type { PolicyKind } from '#core/contracts/policy.ts';
import { parseDuration } from '#core/units.ts';
import type { QueueSettings } from './schema.ts';

const longestMs = 600_000;

/** Lets calls of a route wait for its limits. How is the pipeline's business; this says for how long, and who comes first. */
export const queue: PolicyKind<QueueSettings> = {
  name: 'queue',
  create({ max = 100, wait = '10s', by = 'project', weights = {}, priorityHeader }) {
    const waitMs = parseDuration(wait);
    if (waitMs < 1 || waitMs > longestMs)
      throw new RangeError(`queue: wait is ${waitMs} ms; from 1 to ${longestMs} can be`);
    return {
      name: 'queue',
      summary: `up to ${max} calls wait for a limit, ${waitMs / 1000} s at most, in turn by ${by}`,
      queue: {
        ...{ max, waitMs, by, weights: new Map(Object.entries(weights)) },
        priorityHeader: priorityHeader?.toLowerCase() ?? null,
      },
    };
  },
};
