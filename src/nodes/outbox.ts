import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import type { EdgeDead } from '#core/contracts/edge.ts';

/** What a node still owes its control plane. */
export type OutboxEntry =
  | { readonly type: 'segment'; readonly name: string }
  | { readonly type: 'dead'; readonly name: string; readonly dead: EdgeDead };

interface Place {
  readonly entry: OutboxEntry;
  /** When the process began that it is of; its incarnations say so. */
  readonly boot: number;
  readonly at: number;
}

/** As the journal names them: `w0-<boot>.<life>-0000000007.sealed`. */
const segmentPattern = /^w(\d+)-([a-z0-9]+)\.(\d+)-(\d+)(?:-upto\d+)?\.(?:open|sealed)$/;
const deadWorker = /^w(\d+)-([a-z0-9]+)\.(\d+)\.dead$/;
const startOf = /^([a-z0-9]+)\.dead$/;

/**
 * Segments that are to be sent to the control plane, each a second name of the journal's file: whatever the node's own
 * ledger does with that, the bytes stay until they are acknowledged. None is written to any more when it comes here.
 */
export class Outbox {
  readonly #directory: string;
  readonly #journal: string;

  constructor(stateDirectory: string, journalDirectory: string) {
    this.#directory = join(stateDirectory, 'outbox');
    this.#journal = journalDirectory;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
  }

  /** Before the ledger hears of it. @throws the file system's error. */
  keep(path: string): void {
    const kept = join(this.#directory, basename(path));
    try {
      linkSync(path, kept);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Kept already, or on the books and gone.
      if (code === 'EEXIST' || code === 'ENOENT') return;
      // Some file systems have no second names.
      if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
      copyFileSync(path, kept);
    }
  }

  /** At the start of a process, `boot` in its incarnations: what those before it left. Before the ledger recovers. */
  keepPast(boot: string): void {
    this.#keepLeftOvers(() => true);
    this.#note(`${boot}.dead`);
  }

  /** What one dead worker left. Before the ledger adopts it. */
  keepDead(worker: number, incarnation: string): void {
    const begin = `w${worker}-${incarnation}`;
    this.#keepLeftOvers((name) => name.startsWith(`${begin}-`));
    this.#note(`${begin}.dead`);
  }

  /** In the order in which they are sent: that all before a start is dead, after all that came before it. */
  entries(): OutboxEntry[] {
    return readdirSync(this.#directory)
      .flatMap((name) => placeOf(name) ?? [])
      .sort((a, b) => a.boot - b.boot || (a.at === b.at ? 0 : a.at - b.at))
      .map(({ entry }) => entry);
  }

  read(name: string): Uint8Array<ArrayBuffer> {
    return readFileSync(join(this.#directory, name));
  }

  /** It is acknowledged. */
  remove(name: string): void {
    rmSync(join(this.#directory, name), { force: true });
  }

  /** It was refused for what it is: it is kept, so that somebody can look, and holds up nothing. */
  setAside(name: string): void {
    renameSync(join(this.#directory, name), join(this.#directory, `${name}.refused`));
  }

  #keepLeftOvers(wanted: (name: string) => boolean): void {
    for (const name of readdirSync(this.#journal))
      if (segmentPattern.test(name) && wanted(name)) this.keep(join(this.#journal, name));
  }

  #note(name: string): void {
    writeFileSync(join(this.#directory, name), '', { mode: 0o600 });
  }
}

function placeOf(name: string): Place | null {
  const segment = segmentPattern.exec(name);
  if (segment) return { entry: { type: 'segment', name }, boot: bootOf(segment[2]!), at: Number(segment[4]) };
  const worker = deadWorker.exec(name);
  if (worker) {
    const dead = { worker: Number(worker[1]), incarnation: `${worker[2]}.${worker[3]}` };
    return { entry: { type: 'dead', name, dead }, boot: bootOf(worker[2]!), at: Infinity };
  }
  const start = startOf.exec(name);
  return start && { entry: { type: 'dead', name, dead: { all: true } }, boot: bootOf(start[1]!), at: -1 };
}

/** Milliseconds in base 36. */
const bootOf = (text: string): number => Number.parseInt(text, 36);
