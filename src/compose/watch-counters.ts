import { parseBooked } from '#core/booked-window.ts';
import type { Clock } from '#core/contracts/clock.ts';
import type { RedisSettings } from '#core/storage-settings.ts';
import type { Ledger } from '#ledger/store/start-ledger.ts';
import { openCounterControl } from '#storage/distributed/counters/control.ts';
import type { MetricJson } from '#observe/series.ts';
import { rebuildMetrics } from './counter-metrics.ts';
import { counterOwner, linkSettings } from './create-counters.ts';

/** At a start the counters are waited for so long; without them the node comes up, and says what is missing. */
const firstWaitMs = 5000;

export interface CounterWatchParts {
  /** Null: the process's own counters are all there are. */
  readonly redis: RedisSettings | null;
  readonly nodeId: string;
  readonly ledger: Pick<Ledger, 'flush' | 'windowsSince'>;
  readonly clock: Clock;
  say(line: string): void;
}

/** What the control plane does about counters that nodes share. */
export interface CounterWatch {
  /** Waits a while for the first time that they can be used. */
  start(): Promise<void>;
  /** Why limited calls are refused. Empty: they are not. */
  complaints(): string[];
  metrics(): MetricJson[];
  /** A thread is dead: what it held is given back. */
  ended(incarnation: string): void;
  close(): void;
}

const nothing: CounterWatch = {
  start: async () => undefined,
  complaints: () => [],
  metrics: () => [],
  ended: () => undefined,
  close: () => undefined,
};

/** Was it counted by something that callers make up: an address, a header? Values are escaped, and hold neither sign. */
const isInvented = (subject: string): boolean =>
  subject
    .slice(subject.lastIndexOf('/') + 1)
    .split('+')
    .some((part) => part.startsWith('address:') || part.startsWith('header:'));

/** Builds the counters from the ledger where they are lost, and says how they fare. */
export function watchCounters({ redis, nodeId, ledger, clock, say }: CounterWatchParts): CounterWatch {
  if (redis === null) return nothing;
  const control = openCounterControl({
    ...linkSettings(redis, clock),
    async *rebuild(nowMs) {
      await ledger.flush();
      for (const pane of await ledger.windowsSince(nowMs)) {
        const limited = parseBooked(pane);
        yield { ...pane, ...limited, invented: isInvented(limited.subject) };
      }
    },
    onChange: (reason) =>
      say(`counters of limits ${reason === null ? 'can be used' : `cannot be used: ${reason}`}`),
    onError: (error) => say(`counters could not be built: ${error.message}`),
  });
  return {
    async start() {
      if (!(await control.untilUsable(firstWaitMs))) return say(`counters of limits: ${control.reason}`);
      const warning = await control.warning();
      if (warning !== null) say(warning);
    },
    complaints: () =>
      control.reason === null || redis.whenUnavailable === 'lease'
        ? []
        : [`counters of limits cannot be used: ${control.reason}`],
    metrics: () => rebuildMetrics(control.rebuilds),
    ended: (incarnation) => void control.endOwner(counterOwner({ nodeId, incarnation })),
    close: () => control.close(),
  };
}
