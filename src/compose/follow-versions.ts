import type { ConfigStore } from '#core/contracts/config-store.ts';
import type { SharedDocument } from './configuration.ts';
import type { Refusal } from './reloader.ts';

/** Announcements may be lost: look by ourselves now and then. */
const lookEveryMs = 2_000;

export interface FollowerParts {
  readonly versions: Pick<ConfigStore, 'list' | 'read'>;
  /** Of the version in force. */
  inForce(): number;
  take(shared: SharedDocument): Promise<Refusal | null>;
}

/** Takes up versions of the configuration that are made anywhere. */
export class VersionFollower {
  readonly #parts: FollowerParts;
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> | null = null;
  #lookAgain = false;
  #failure: string | null = null;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.look(), lookEveryMs);
    this.#timer.unref();
  }

  /** Why the store could not be read last; null: it could. */
  get failure(): string | null {
    return this.#failure;
  }

  /** Something may be new. */
  look(): void {
    if (this.#looking) this.#lookAgain = true;
    else this.#looking = this.#lookUntilQuiet().finally(() => (this.#looking = null));
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #lookUntilQuiet(): Promise<void> {
    do {
      this.#lookAgain = false;
      try {
        await this.#look();
        this.#failure = null;
      } catch (error) {
        this.#failure = (error as Error).message;
      }
    } while (this.#lookAgain);
  }

  /** One that this node could not use is tried again: a file that it refers to may have come. */
  async #look(): Promise<void> {
    const { versions, inForce, take } = this.#parts;
    const [latest] = await versions.list(1);
    if (!latest || latest.version === inForce()) return;
    const version = await versions.read(latest.version);
    if (version) await take(version);
  }
}
