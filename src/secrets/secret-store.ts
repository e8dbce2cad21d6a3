import type { Clock } from '#core/contracts/clock.ts';
import type { SecretDocument, SecretSettings, SecretSource } from '#core/contracts/secret-source.ts';
import type { SecretReference } from '#core/secret-reference.ts';

/** Makes a source of each kind that the settings describe; null: there is none of the kind. */
export type SourceMaker = (kind: string, settings: SecretSettings) => SecretSource | null;

export interface SecretStoreSettings {
  readonly sourceOf: SourceMaker;
  readonly clock: Clock;
  random(): number;
  say(line: string): void;
}

interface Kept {
  readonly reference: SecretReference;
  /** The last that was had. */
  document: SecretDocument | null;
  /** Why it could not be had the last time; null: it could. */
  failure: string | null;
  dueAtMs: number;
}

const lookEveryMs = 500;
const againMs = 5_000;

/**
 * The secrets that a configuration refers to, kept at hand: fetched before it is used, looked at anew in time, and kept as they
 * were while their source fails.
 */
export class SecretStore {
  readonly #settings: SecretStoreSettings;
  #sources: SecretSettings | null = null;
  #made = new Map<string, SecretSource | null>();
  readonly #kept = new Map<string, Kept>();
  readonly #wanted = new Map<string, SecretReference>();
  #timer: NodeJS.Timeout | null = null;
  #looking = false;

  constructor(settings: SecretStoreSettings) {
    this.#settings = settings;
  }

  /** Where they are from now on. */
  use(sources: SecretSettings): void {
    if (this.#sources && JSON.stringify(this.#sources) === JSON.stringify(sources)) return;
    this.#sources = sources;
    this.#made = new Map();
    for (const kept of this.#kept.values()) kept.dueAtMs = 0;
  }

  /** @throws Error when it is not there: then it is wanted, and `fetchWanted` looks for it. */
  read(reference: SecretReference): string {
    const kept = this.#kept.get(nameOf(reference));
    if (!kept?.document) {
      this.#wanted.set(nameOf(reference), reference);
      throw new Error(kept?.failure ?? 'it was not asked for yet');
    }
    return fieldOf(kept.document, reference);
  }

  /** False: nothing was. */
  async fetchWanted(): Promise<boolean> {
    const wanted = [...this.#wanted.values()];
    this.#wanted.clear();
    await Promise.all(wanted.map((reference) => this.#fetch(this.#keptOf(reference))));
    return wanted.length > 0;
  }

  /** Looks at them in time from now on. @param changed One is not what it was. */
  start(changed: () => void): void {
    this.#timer = setInterval(() => void this.#look(changed), lookEveryMs);
    this.#timer.unref();
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer);
  }

  /** How many are kept, and how many of them could not be looked at the last time. */
  get counts(): { readonly kept: number; readonly failing: number } {
    const all = [...this.#kept.values()];
    return { kept: all.length, failing: all.filter(({ failure }) => failure !== null).length };
  }

  async #look(changed: () => void): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const nowMs = this.#settings.clock.nowMs();
      const due = [...this.#kept.values()].filter(({ dueAtMs }) => dueAtMs <= nowMs);
      const results = await Promise.all(due.map((kept) => this.#fetch(kept)));
      if (results.includes(true)) changed();
    } finally {
      this.#looking = false;
    }
  }

  /** Is it another now? Never rejects: what was had before stays. */
  async #fetch(kept: Kept): Promise<boolean> {
    const { clock, say } = this.#settings;
    const name = nameOf(kept.reference);
    try {
      const document = await this.#sourceOf(kept.reference.kind).fetch(kept.reference.path);
      if (kept.failure !== null && kept.document) say(`secrets: ${name} can be read again`);
      const isOther = JSON.stringify(document) !== JSON.stringify(kept.document);
      kept.document = document;
      kept.failure = null;
      kept.dueAtMs = clock.nowMs() + this.#waitMs(document);
      return isOther;
    } catch (error) {
      const { message } = error as Error;
      if (kept.failure !== message && kept.document)
        say(`secrets: ${name} cannot be looked at, what was there before is used on: ${message}`);
      kept.failure = message;
      kept.dueAtMs = clock.nowMs() + againMs * (1 + this.#settings.random());
      return false;
    }
  }

  /** Two thirds of a lease; a tenth sooner or later, so that not all nodes ask at once. */
  #waitMs({ leaseMs }: SecretDocument): number {
    const { refreshMs } = this.#sources!;
    const wanted = leaseMs === null ? refreshMs : Math.min(refreshMs, (leaseMs * 2) / 3);
    return wanted * (0.9 + 0.2 * this.#settings.random());
  }

  #sourceOf(kind: string): SecretSource {
    if (!this.#sources) throw new Error('there are no settings of "secrets"');
    let source = this.#made.get(kind);
    if (source === undefined) this.#made.set(kind, (source = this.#settings.sourceOf(kind, this.#sources)));
    if (!source) throw new Error(`there is no "${kind}" under "secrets"`);
    return source;
  }

  #keptOf(reference: SecretReference): Kept {
    const name = nameOf(reference);
    let kept = this.#kept.get(name);
    if (!kept) this.#kept.set(name, (kept = { reference, document: null, failure: null, dueAtMs: 0 }));
    return kept;
  }
}

/** All fields of one thing are fetched together, so that they fit each other. */
const nameOf = ({ kind, path }: SecretReference): string => `${kind}:${path}`;

function fieldOf({ text, fields }: SecretDocument, { field }: SecretReference): string {
  if (field === null) {
    if (text !== null) return text;
    throw new Error(`say which field, as in #${Object.keys(fields)[0] ?? 'name'}`);
  }
  const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (value !== undefined) return value;
  throw new Error(`it has no field "${field}"; there are ${Object.keys(fields).sort().join(', ') || 'none'}`);
}
