import type { DeadLetter, HeldSubject, Outbox, OutboxEntry, StoredLetter } from '#core/contracts/outbox.ts';

interface Row {
  position: number;
  held: readonly HeldSubject[];
  stopped: string | null;
  owner: string;
  untilMs: number;
}

/** The books of a test: what is on them outlives every dispatcher. `as` is how one node sees them. */
export class MemoryBooks {
  readonly all: OutboxEntry[] = [];
  readonly rows = new Map<string, Row>();
  readonly dead: StoredLetter[] = [];

  add(
    entry: { readonly type: 'event'; readonly event: object } | { type: 'receipt'; receipt: object },
  ): void {
    this.all.push({ sequence: this.all.length + 1, ...entry } as OutboxEntry);
  }

  as(owner: string): Outbox {
    const { all, rows, dead } = this;
    const mine = (name: string) => rows.get(name)?.owner === owner;
    return {
      entries: async (after, limit) => all.filter(({ sequence }) => sequence > after).slice(0, limit),
      end: async () => all.length,
      async claim(webhook, leaseMs) {
        const row = rows.get(webhook) ?? { position: all.length, held: [], stopped: null, owner, untilMs: 0 };
        rows.set(webhook, row);
        if (row.owner !== owner && row.untilMs > Date.now()) return null;
        Object.assign(row, { owner, untilMs: Date.now() + leaseMs });
        return { position: row.position, held: row.held, stopped: row.stopped };
      },
      async advance(webhook, progress, letters: readonly DeadLetter[]) {
        if (!mine(webhook) || rows.get(webhook)!.position > progress.position) return false;
        Object.assign(rows.get(webhook)!, progress);
        for (const letter of letters) dead.push({ ...letter, id: dead.length + 1, atMs: Date.now() });
        return true;
      },
      async stop(webhook, reason) {
        const row = rows.get(webhook);
        if (row) row.stopped = reason;
        return row !== undefined;
      },
      letters: async ({ webhook, id }, limit) =>
        dead
          .filter(
            (letter) => (webhook ?? letter.webhook) === letter.webhook && (id ?? letter.id) === letter.id,
          )
          .slice(-limit),
      async takeLetter(id) {
        const at = dead.findIndex((letter) => letter.id === id);
        return at < 0 ? null : dead.splice(at, 1)[0]!;
      },
      states: async () => [...rows].map(([webhook, row]) => ({ webhook, ...row, letters: 0 })),
    };
  }
}
