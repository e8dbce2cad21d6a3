import { endLease } from './leases.ts';
import { Link, type LinkSettings } from './link.ts';
import { rebuildWhenLost, type RebuildSettings } from './rebuild.ts';

/** What a node does about the counters beside its calls. */
export interface CounterControl {
  /** Why they cannot be used; null: they can. */
  readonly reason: string | null;
  /** Times that this node built them. */
  readonly rebuilds: number;
  untilUsable(ms: number): Promise<boolean>;
  /** Frees what a thread of this node held that is dead. Where the store cannot be reached its lease ends by itself. */
  endOwner(owner: string): Promise<void>;
  /** What an operator should know of how the store is set up; null: nothing. */
  warning(): Promise<string | null>;
  close(): void;
}

export interface ControlSettings extends LinkSettings, RebuildSettings {
  /** They cannot be used any more, and why; null: they can again. */
  onChange?(reason: string | null): void;
}

export function openCounterControl(settings: ControlSettings): CounterControl {
  const link = new Link(settings);
  link.onLost((reason) => settings.onChange?.(reason));
  link.onUsable(() => settings.onChange?.(null));
  const rebuilds = rebuildWhenLost(link, settings);
  return {
    get reason() {
      return link.reason;
    },
    get rebuilds() {
      return rebuilds.count();
    },
    untilUsable: (ms) => link.untilUsable(ms),
    endOwner: (owner) => endLease(link, owner).catch(() => undefined),
    async warning() {
      const memory = await link.info('memory').catch(() => '');
      const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? 'noeviction';
      const isBounded = !/^maxmemory:0\r?$/m.test(memory);
      if (!isBounded || policy === 'noeviction' || memory === '') return null;
      return `Redis forgets keys when its memory is full (maxmemory-policy ${policy}), and limits with them; set it to noeviction.`;
    },
    close: () => link.close(),
  };
}
