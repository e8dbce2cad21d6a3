import type { Switchboard } from './switchboard.ts';

const most = 20_000;
const kind = 'session';

interface Notes {
  logLevel: string | null;
  ended: boolean;
  readonly uris: Set<string>;
}

/**
 * What clients of the legacy era have said in the course of their sessions: the rest of a session is in its name. Every thread of the
 * process is told, since the next request may come to any of them.
 */
export class SessionNotes {
  readonly #switchboard: Switchboard;
  readonly #notes = new Map<string, Notes>();
  readonly #watching = new Map<string, Set<() => void>>();

  constructor(switchboard: Switchboard) {
    this.#switchboard = switchboard;
    switchboard.hear(kind, ({ session, logLevel, subscribe, unsubscribe, ended }) => {
      if (typeof session !== 'string') return;
      const notes = this.#of(session);
      if (ended === true) notes.ended = true;
      if (typeof logLevel === 'string') notes.logLevel = logLevel;
      if (typeof subscribe === 'string') notes.uris.add(subscribe);
      if (typeof unsubscribe === 'string') notes.uris.delete(unsubscribe);
      if (subscribe !== undefined || unsubscribe !== undefined)
        for (const changed of this.#watching.get(session) ?? []) changed();
    });
  }

  tell(session: string, note: Readonly<Record<string, unknown>>): void {
    this.#switchboard.tell(kind, { session, ...note });
  }

  /** Has its client ended it? */
  hasEnded(session: string): boolean {
    return this.#notes.get(session)?.ended === true;
  }

  logLevelOf(session: string): string | null {
    return this.#notes.get(session)?.logLevel ?? null;
  }

  urisOf(session: string): string[] {
    return [...(this.#notes.get(session)?.uris ?? [])];
  }

  /** Called when the resources that the session watches are others. Returns what ends it. */
  watch(session: string, changed: () => void): () => void {
    const watching = this.#watching.get(session) ?? new Set();
    this.#watching.set(session, watching.add(changed));
    return () => {
      watching.delete(changed);
      if (watching.size === 0) this.#watching.delete(session);
    };
  }

  #of(session: string): Notes {
    const known = this.#notes.get(session) ?? { logLevel: null, ended: false, uris: new Set<string>() };
    this.#notes.delete(session);
    this.#notes.set(session, known);
    if (this.#notes.size > most) this.#notes.delete(this.#notes.keys().next().value!);
    return known;
  }
}
