import { hash } from 'node:crypto';
import type { LimitItem } from '#core/contracts/counter-store.ts';

/**
 * Names of keys. All are below one hash tag, so that a Cluster has them on one node and scripts may touch any of them. What counts
 * lies below the epoch of its counters: those that are built anew begin empty, and the old ones expire by themselves.
 */
export interface CounterKeys {
  readonly marker: string;
  readonly lock: string;
  /** Ends of leases, by owner. */
  owners(epoch: string): string;
  /** Before an owner: ids of reservations that it holds places with. */
  heldBy(epoch: string): string;
  /** Before an id. */
  reservations(epoch: string): string;
  row(epoch: string, limited: Counted): string;
}

/** What a row is named after. */
export type Counted = Pick<LimitItem, 'subject' | 'window' | 'invented'>;

/**
 * Rows of one limit for subjects that callers invent: whoever makes up more has them share, and memory has an end. About 50 MB
 * when all are there.
 */
const sharedRows = 2 ** 18;

/** By the epoch, which nobody outside knows: nobody can choose whom to share with. */
const sharedRow = (epoch: string, subject: string): number =>
  hash('sha256', `${epoch} ${subject}`, 'buffer').readUInt32LE(0) % sharedRows;

/** What comes before whom it counts, and what the rows of one limit have in common. */
function limitOf({ subject, window }: Counted): string {
  const length = 'windowMs' in window ? window.windowMs : 0;
  return `${subject.slice(0, subject.lastIndexOf('/') + 1)}${window.kind}-${length}/`;
}

export function keysOf(name: string): CounterKeys {
  const head = `{sluice:${name}}:`;
  return {
    marker: `${head}marker`,
    lock: `${head}rebuild`,
    owners: (epoch) => `${head}${epoch}:owners`,
    heldBy: (epoch) => `${head}${epoch}:held:`,
    reservations: (epoch) => `${head}${epoch}:r:`,
    row(epoch, limited) {
      const { subject } = limited;
      if (!limited.invented) return `${head}${epoch}:w:${subject}`;
      return `${head}${epoch}:i:${limitOf(limited)}${sharedRow(epoch, subject)}`;
    },
  };
}

/** What tells counters apart that were built at different times or on different servers. */
export interface Marker {
  /** As it stands in the store; what scripts compare. */
  readonly text: string;
  readonly epoch: string;
  /** Of the server it was written on. */
  readonly replicationId: string;
  /** Until then every node brings in what it has open. */
  readonly opensAtMs: number;
  /** When the ledger was asked for what was booked before. */
  readonly readAtMs: number;
}

/** Null: there is none, or it is no marker. */
export function parseMarker(text: string): Marker | null {
  const match = /^(\S+) (\S+) (\d+) (\d+)$/.exec(text);
  if (!match) return null;
  const [, epoch, replicationId, opensAt, readAt] = match as unknown as string[];
  return {
    text,
    epoch: epoch!,
    replicationId: replicationId!,
    opensAtMs: Number(opensAt),
    readAtMs: Number(readAt),
  };
}
