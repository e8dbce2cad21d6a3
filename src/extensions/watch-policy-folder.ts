import { watch, type FSWatcher } from 'node:fs';
import type { PolicySources } from '#core/policy-files.ts';
import { readPolicyFolder } from './read-policy-folder.ts';

/** Long enough for an editor to have written all it wants to. */
const settleMs = 100;
/** Some file systems tell nobody: look by ourselves now and then. */
const lookEveryMs = 2000;

/** Calls back when the code in the folder of policies is another; a folder that is gone for a moment is no change. */
export class PolicyFolderWatch {
  readonly #onChange: () => void;
  #folder: string | null = null;
  #digest = '';
  #watcher: FSWatcher | null = null;
  #poll: NodeJS.Timeout | null = null;
  #soon: NodeJS.Timeout | null = null;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** From now on this edition's folder; null: none. */
  follow(edition: PolicySources | null): void {
    if (edition) this.#digest = edition.digest;
    if (this.#folder === (edition?.folder ?? null)) return;
    this.close();
    if (!edition) return;
    this.#folder = edition.folder;
    this.#poll = setInterval(() => this.#look(), lookEveryMs);
    this.#poll.unref();
    try {
      this.#watcher = watch(edition.folder, { recursive: true }, () => {
        this.#soon ??= setTimeout(() => this.#look(), settleMs);
      });
      // One that is gone is looked for by the timer.
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      // By the timer alone.
    }
  }

  close(): void {
    this.#watcher?.close();
    if (this.#poll) clearInterval(this.#poll);
    if (this.#soon) clearTimeout(this.#soon);
    this.#watcher = this.#poll = this.#soon = this.#folder = null;
  }

  #look(): void {
    this.#soon = null;
    if (this.#folder === null) return;
    let digest: string;
    try {
      ({ digest } = readPolicyFolder(this.#folder));
    } catch {
      return;
    }
    if (digest === this.#digest) return;
    // Also of one that is refused: it is tried once.
    this.#digest = digest;
    this.#onChange();
  }
}
