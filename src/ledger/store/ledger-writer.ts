import { readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readSegment } from '../journal/read-segment.ts';
import { parseSegmentName, type SegmentName } from '../journal/segment-name.ts';
import type { Dead, NodeBooks } from './books.ts';
import {
  gatherSegments,
  isWorthKeeping,
  type GatheredBatch,
  type Incident,
  type LoadedSegment,
} from './gather-segments.ts';
import { postBatch, settleDead } from './post-batch.ts';

export interface RecoveryReport {
  readonly segments: number;
  /** Exchanges that were open when their worker died, and are settled now. */
  readonly crashed: number;
}

/** What a start finds. */
export interface StartReport extends RecoveryReport {
  /** The database is away: it is done as soon as it is there, before anything else is put on the books. */
  readonly isDeferred: boolean;
}

/** The file of a segment that is on the books. */
interface LeftOver {
  readonly path: string;
  readonly name: string;
  /** What the file is called further on, because somebody must look; null when it has served. */
  readonly suffix: 'damaged' | 'unreadable' | null;
}

const pruneEveryMs = 60_000;
export const segmentsPerTransaction = 64;
/** What is gathered in memory for one transaction; a segment more than that goes in alone. */
const bytesPerTransaction = 8 << 20;

/** The one who writes the books of a node. Does one thing at a time. Every method may throw and be repeated. */
export class LedgerWriter {
  readonly #books: NodeBooks;
  readonly #directory: string;
  /** Ingested, file deleted, name still in the database. */
  #gone: string[] = [];
  #prunedAtMs = Date.now();

  constructor(books: NodeBooks, journalDirectory: string) {
    this.#books = books;
    this.#directory = journalDirectory;
  }

  /**
   * Ingests sealed segments in one transaction, or more where they are large, and deletes their files; those that are gone
   * already are done.
   */
  async ingest(paths: readonly string[]): Promise<void> {
    for (const batch of inBatches(paths)) await this.#ingestBatch(batch);
  }

  /**
   * Ingests what lay in the journal folder before anybody wrote there, and settles what stays open. Nothing that was written
   * later may be on the books yet.
   */
  async recover(leftOver: readonly string[]): Promise<RecoveryReport> {
    await this.ingest(leftOver);
    const there = new Set(readdirSync(this.#directory));
    const gone = (await this.#books.segmentNames()).filter((name) => !there.has(name));
    return { segments: leftOver.length, crashed: await this.#settle('own', gone) };
  }

  /** Does the same for one worker that died while the process lives on. */
  async adopt(worker: number, incarnation: string): Promise<RecoveryReport> {
    const isTheirs = (name: SegmentName) => name.worker === worker && name.incarnation === incarnation;
    const paths = leftOverSegments(this.#directory, isTheirs);
    await this.ingest(paths);
    return { segments: paths.length, crashed: await this.#settle({ worker, incarnation }) };
  }

  /**
   * Of segments that another node sends, each only after the one before it was acknowledged: whatever is on the books of its
   * earlier ones is not sent again, after a restart of this process either.
   */
  async begin(name: string): Promise<void> {
    this.#gone = (await this.#books.segmentNames()).filter((known) => known !== name);
  }

  /** Settles what another node's dead workers left open: one of them, or all. */
  async giveUp(
    dead: { readonly worker: number; readonly incarnation: string } | null,
  ): Promise<RecoveryReport> {
    return { segments: 0, crashed: await this.#settle(dead ?? 'own') };
  }

  #settle(dead: Dead, gone: readonly string[] = []): Promise<number> {
    return this.#books.write(async (tables) => {
      if (gone.length > 0) await tables.forgetSegments(gone);
      return settleDead(tables, dead);
    });
  }

  async #ingestBatch(paths: readonly string[]): Promise<void> {
    const known = await this.#books.knownSegments(paths.map((path) => basename(path)));
    const done: LeftOver[] = [];
    const incidents: Incident[] = [];
    const gathered = gatherSegments(this.#loadAll(paths, known, { done, incidents }));
    const batch = { ...gathered, incidents: [...incidents, ...gathered.incidents] };
    try {
      await this.#post(batch, false);
    } catch (error) {
      if (!this.#books.isRefusal(error)) throw error;
      await this.#post(batch, true);
    }
    this.#gone = [];
    for (const leftOver of done) this.#remove(leftOver);
  }

  async #post(batch: GatheredBatch, careful: boolean): Promise<void> {
    const gone = this.#gone;
    const isPruning = Date.now() - this.#prunedAtMs >= pruneEveryMs;
    const isRefusal = (error: unknown) => this.#books.isRefusal(error);
    await this.#books.write(async (tables) => {
      if (gone.length > 0) await tables.forgetSegments(gone);
      await postBatch({ tables, isRefusal, careful }, batch);
      if (isPruning) await tables.dropPanes(Date.now());
    });
    if (isPruning) this.#prunedAtMs = Date.now();
  }

  /** One at a time: a segment's contents are garbage before the next is read. */
  *#loadAll(
    paths: readonly string[],
    known: ReadonlySet<string>,
    { done, incidents }: { done: LeftOver[]; incidents: Incident[] },
  ): Generator<LoadedSegment> {
    for (const path of paths) {
      const segment = load(path);
      if (segment === null) continue;
      const name = basename(path);
      if ('reason' in segment) {
        // A sector that cannot be read must not hold up every segment behind it.
        done.push({ path, name, suffix: 'unreadable' });
        incidents.push(segment);
        continue;
      }
      done.push({ path, name, suffix: isWorthKeeping(segment) ? 'damaged' : null });
      if (!known.has(name)) yield segment;
    }
  }

  #remove({ path, name, suffix }: LeftOver): void {
    if (suffix !== null) return renameSync(path, `${path}.${suffix}`);
    rmSync(path, { force: true });
    this.#gone.push(name);
  }
}

/** Paths of segments in a journal folder, those of one life of a worker in the order in which they were written. */
export function leftOverSegments(
  directory: string,
  wanted: (name: SegmentName) => boolean = () => true,
): string[] {
  return readdirSync(directory)
    .map((text) => ({ text, name: parseSegmentName(text) }))
    .filter(
      (entry): entry is { text: string; name: SegmentName } => entry.name !== null && wanted(entry.name),
    )
    .sort((a, b) => a.name.sequence - b.name.sequence)
    .map(({ text }) => join(directory, text));
}

/** Null when it is gone; what is wrong with it when it cannot be read. @throws the file system's other errors. */
function load(path: string): LoadedSegment | Incident | null {
  const name = basename(path);
  try {
    return { name, sealed: parseSegmentName(name)?.sealed ?? false, contents: readSegment(path, true) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    if (code !== 'EIO') throw error;
    return { kind: 'damage', subject: name, position: 0, reason: String(error), content: null };
  }
}

function* inBatches(paths: readonly string[]): Generator<string[]> {
  let batch: string[] = [];
  let bytes = 0;
  for (const path of paths) {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    const isFull = batch.length >= segmentsPerTransaction || bytes + size > bytesPerTransaction;
    if (batch.length > 0 && isFull) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(path);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
