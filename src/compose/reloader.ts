import { isDeepStrictEqual } from 'node:util';
import type { AdminListener } from '#core/snapshot.ts';
import { watchConfig, type FileWatch } from '#config/watch.ts';
import { PolicyFolderWatch } from '#extensions/index.ts';
import {
  loadWithSecrets,
  type ConfigSource,
  type LoadedConfig,
  type Overrides,
  type SharedDocument,
} from './configuration.ts';
import { certificateWarnings, listenersInForce } from './listeners-in-force.ts';

export interface ReloaderParts {
  readonly source: ConfigSource;
  readonly overrides: Overrides;
  readonly first: LoadedConfig;
  /** Puts a new configuration in force. Resolves when every worker has it. */
  apply(loaded: LoadedConfig): Promise<void>;
  /** The last `apply` failed: what it began is taken back. */
  revert?(before: LoadedConfig): void;
  /** A shared document is in force. */
  onShared?(shared: SharedDocument): void;
  /** A change was taken, or refused. */
  onTaken?(taken: TakenConfig): void;
  say(line: string): void;
}

/** What became of a change. */
export interface TakenConfig {
  readonly before: LoadedConfig;
  /** Null: it was refused. */
  readonly after: LoadedConfig | null;
  readonly refusal: Refusal | null;
  /** Of the node's own document, where that has changed; null: it comes from elsewhere. */
  readonly path: string | null;
}

/** What this node could not use. */
export interface Refusal {
  /** Of the shared document; null: it is the node's own. */
  readonly version: number | null;
  readonly reason: string;
}

interface Change {
  /** Of the node's own document; absent: as it stands. */
  readonly text?: string;
  readonly shared?: SharedDocument;
}

/** Keeps the configuration in force: takes valid changes, refuses others and says why. */
export class Reloader {
  readonly #parts: ReloaderParts;
  #current: LoadedConfig;
  #refused: Refusal | null = null;
  #watch: FileWatch | null = null;
  readonly #folder = new PolicyFolderWatch(() => void this.#queue({}));
  #applying: Promise<unknown> = Promise.resolve();
  readonly counts = { accepted: 0, refused: 0 };

  constructor(parts: ReloaderParts, refused: Refusal | null = null) {
    this.#parts = parts;
    this.#current = parts.first;
    this.#refused = refused;
  }

  get current(): LoadedConfig {
    return this.#current;
  }

  /** The last change, where it could not be used. */
  get refused(): Refusal | null {
    return this.#refused;
  }

  get source(): ConfigSource {
    return this.#parts.source;
  }

  get overrides(): Overrides {
    return this.#parts.overrides;
  }

  start(): void {
    const { path } = this.#parts.source;
    const { shared, text } = this.#current;
    // An edit of the file since it was loaded is a change, too.
    this.#watch = watchConfig(
      path,
      (own) => void this.#queue(own === null ? {} : { text: own }),
      shared ? undefined : text,
    );
    this.#watch.follow(this.#current.files);
    this.#folder.follow(this.#current.snapshot.policyFiles ?? null);
  }

  /** Puts another version of the shared document in force. Resolves with what is wrong with it; null: nothing. */
  takeShared(shared: SharedDocument): Promise<Refusal | null> {
    return this.#queue({ shared });
  }

  /** What the document refers to is not what it was. */
  refresh(): void {
    void this.#queue({});
  }

  close(): void {
    this.#watch?.close();
    this.#folder.close();
  }

  #queue(change: Change): Promise<Refusal | null> {
    const taken = this.#applying.then(() => this.#take(change));
    this.#applying = taken;
    return taken;
  }

  async #take(change: Change): Promise<Refusal | null> {
    const { source, overrides, apply, say } = this.#parts;
    const before = this.#current;
    const shared = change.shared ?? before.shared;
    if (change.shared && isSame(change.shared, before.shared)) return null;
    let applying = false;
    try {
      const policies = { inForce: before.snapshot.policyFiles ?? null, mayLoad: true };
      const version = before.snapshot.version + 1;
      const read = await loadWithSecrets({ ...change, source, overrides, shared, version, policies });
      const listen = listenersInForce(before.snapshot.listen, read.snapshot.listen);
      const { storage } = before.snapshot;
      const loaded = { ...read, snapshot: { ...read.snapshot, listen, storage } };
      const fixed = whatNeedsRestart(before, loaded);
      if (!isDeepStrictEqual(listen, read.snapshot.listen)) fixed.unshift('listen');
      // A thread that starts later must not use another store than those beside it.
      if (!isDeepStrictEqual(storage, read.snapshot.storage)) fixed.push('storage');
      this.#current = loaded;
      applying = true;
      await apply(loaded);
      this.counts.accepted++;
      this.#refused = null;
      this.#watch?.follow(loaded.files);
      if (this.#watch) this.#folder.follow(loaded.snapshot.policyFiles ?? null);
      if (change.shared) this.#parts.onShared?.(change.shared);
      const which = shared
        ? `${loaded.snapshot.version} (version ${shared.version} of the document)`
        : loaded.snapshot.version;
      say(
        `configuration ${which} is in force${fixed.length ? ` (after a restart: ${fixed.join(', ')})` : ''}`,
      );
      for (const warning of certificateWarnings(listen, Date.now())) say(warning);
      const path = change.shared ? null : source.path;
      this.#parts.onTaken?.({ before, after: loaded, refusal: null, path });
      return null;
    } catch (error) {
      this.#current = before;
      if (applying) this.#parts.revert?.(before);
      return this.#refuse({ version: change.shared?.version ?? null, reason: (error as Error).message });
    }
  }

  /** A version that is tried again and refused again is told of once. */
  #refuse(refusal: Refusal): Refusal {
    if (refusal.version === null || !isDeepStrictEqual(refusal, this.#refused)) {
      this.counts.refused++;
      const path = refusal.version === null ? this.#parts.source.path : null;
      this.#parts.onTaken?.({ before: this.#current, after: null, refusal, path });
      this.#parts.say(`configuration refused, the old one serves on:\n${refusal.reason}`);
    }
    this.#refused = refusal;
    return refusal;
  }
}

/** What is settled once for a process. */
function whatNeedsRestart(before: LoadedConfig, after: LoadedConfig): string[] {
  const changed: string[] = [];
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  // Another certificate is shown at once.
  const fixedOf = ({ tls, ...admin }: AdminListener) => ({ ...admin, minVersion: tls?.minVersion });
  if (!same(fixedOf(before.snapshot.admin), fixedOf(after.snapshot.admin))) changed.push('admin');
  if (before.snapshot.threads !== after.snapshot.threads) changed.push('threads');
  if (before.snapshot.accessLog !== after.snapshot.accessLog) changed.push('log');
  if (before.snapshot.durability !== after.snapshot.durability) changed.push('durability');
  if (!same(before.snapshot.limits, after.snapshot.limits)) changed.push('limits');
  if (before.stateDirectory !== after.stateDirectory) changed.push('state');
  return changed;
}

/** The same number is not enough: a control plane counts anew where its document is a file. */
const isSame = (a: SharedDocument, b: SharedDocument | null): boolean =>
  a.text === b?.text && a.version === b.version && a.limitPercent === b.limitPercent;
