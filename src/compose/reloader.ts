import { isDeepStrictEqual } from 'node:util';
import { watchConfig, type FileWatch } from '#config/watch.ts';
import { loadConfig, type ConfigSource, type LoadedConfig, type Overrides } from './configuration.ts';
import { certificateWarnings, listenersInForce } from './listeners-in-force.ts';

export interface ReloaderParts {
  readonly source: ConfigSource;
  readonly overrides: Overrides;
  readonly first: LoadedConfig;
  /** Puts a new configuration in force. Resolves when every worker has it. */
  apply(loaded: LoadedConfig): Promise<void>;
  /** The last `apply` failed: what it began is taken back. */
  revert?(before: LoadedConfig): void;
  say(line: string): void;
}

/** Keeps the configuration in force: takes valid changes of the file, refuses others and says why. */
export class Reloader {
  readonly #parts: ReloaderParts;
  #current: LoadedConfig;
  #watch: FileWatch | null = null;
  #applying: Promise<void> = Promise.resolve();
  readonly counts = { accepted: 0, refused: 0 };

  constructor(parts: ReloaderParts) {
    this.#parts = parts;
    this.#current = parts.first;
  }

  get current(): LoadedConfig {
    return this.#current;
  }

  get source(): ConfigSource {
    return this.#parts.source;
  }

  get overrides(): Overrides {
    return this.#parts.overrides;
  }

  start(): void {
    const { path } = this.#parts.source;
    if (path === null) return;
    const onChange = (text: string) => {
      this.#applying = this.#applying.then(() => this.#take(text));
    };
    // An edit since it was loaded is a change, too.
    this.#watch = watchConfig(path, onChange, this.#current.text);
    this.#watch.follow(this.#current.files);
  }

  close(): void {
    this.#watch?.close();
  }

  async #take(text: string): Promise<void> {
    const { source, overrides, apply, say } = this.#parts;
    const before = this.#current;
    let applying = false;
    try {
      const read = loadConfig({ source, overrides, version: before.snapshot.version + 1, text });
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
      this.#watch?.follow(loaded.files);
      say(
        `configuration ${loaded.snapshot.version} is in force${fixed.length ? ` (after a restart: ${fixed.join(', ')})` : ''}`,
      );
      for (const warning of certificateWarnings(listen, Date.now())) say(warning);
    } catch (error) {
      this.#current = before;
      if (applying) this.#parts.revert?.(before);
      this.counts.refused++;
      say(`configuration refused, the old one serves on:\n${(error as Error).message}`);
    }
  }
}

/** What is settled once for a process. */
function whatNeedsRestart(before: LoadedConfig, after: LoadedConfig): string[] {
  const changed: string[] = [];
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  if (!same(before.snapshot.admin, after.snapshot.admin)) changed.push('admin');
  if (before.snapshot.threads !== after.snapshot.threads) changed.push('threads');
  if (before.snapshot.accessLog !== after.snapshot.accessLog) changed.push('log');
  if (before.snapshot.durability !== after.snapshot.durability) changed.push('durability');
  if (!same(before.snapshot.limits, after.snapshot.limits)) changed.push('limits');
  if (before.stateDirectory !== after.stateDirectory) changed.push('state');
  return changed;
}
