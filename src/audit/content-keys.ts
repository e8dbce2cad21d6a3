import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { MasterKey } from '#storage/embedded/master-key.ts';
import { readSecretFile, writeSecretFile } from '#storage/embedded/secret-file.ts';
import { Seal } from '#storage/sealed-cache/seal.ts';

export const contentKeysFile = 'audit-keys';

/** Content of an exchange as it stands in the chain. */
export interface SealedContent {
  /** Id of the key. */
  readonly key: string;
  readonly sealed: string;
}

/** One project's key. */
interface KeptKey {
  readonly id: string;
  /** Under the master key. */
  readonly wrapped: string;
}

const placeOf = (project: string, id: string) => `audit key ${id} of ${project}`;

/**
 * Keys that content is encrypted under, one for each project, in `audit-keys` of the state directory under the master key. To
 * destroy a project's key is to erase its content: the chain, which is over what is encrypted, stays as it is.
 */
export class ContentKeys {
  readonly #path: string;
  readonly #master: MasterKey;
  #kept: Map<string, KeptKey>;
  readonly #seals = new Map<string, Seal>();

  /** @throws Error when the file is damaged. */
  constructor(stateDirectory: string, master: MasterKey) {
    this.#path = join(stateDirectory, contentKeysFile);
    this.#master = master;
    this.#kept = readKept(this.#path);
  }

  /** Under the project's key, which is made where there is none. */
  seal(project: string, exchange: string, content: string): SealedContent {
    let kept = this.#kept.get(project);
    if (!kept) {
      const id = randomBytes(6).toString('hex');
      kept = { id, wrapped: this.#master.wrap(placeOf(project, id), randomBytes(32)) };
      this.#save(new Map(this.#kept).set(project, kept));
    }
    const sealed = this.#sealOf(project, kept).seal(project, exchange, content);
    return { key: kept.id, sealed: Buffer.from(sealed).toString('base64') };
  }

  /** Null: its key was destroyed. @throws Error when it was changed. */
  open(project: string, exchange: string, { key, sealed }: SealedContent): string | null {
    const kept = this.#kept.get(project);
    if (kept?.id !== key) return null;
    const bytes = Buffer.from(sealed, 'base64');
    return this.#sealOf(project, kept).open(project, exchange, bytes).toString('utf8');
  }

  /** Id of the key that was destroyed; null: there was none. On disk when it returns. */
  erase(project: string): string | null {
    const kept = this.#kept.get(project);
    if (!kept) return null;
    const left = new Map(this.#kept);
    left.delete(project);
    this.#save(left);
    this.#seals.delete(kept.id);
    return kept.id;
  }

  /** Every key under the master key in use; how many were not. */
  rewrap(): number {
    const anew = new Map(this.#kept);
    let count = 0;
    for (const [project, { id, wrapped }] of this.#kept) {
      if (this.#master.isCurrent(wrapped)) continue;
      count += 1;
      const place = placeOf(project, id);
      anew.set(project, { id, wrapped: this.#master.wrap(place, this.#master.unwrap(place, wrapped)) });
    }
    if (count > 0) this.#save(anew);
    return count;
  }

  #sealOf(project: string, { id, wrapped }: KeptKey): Seal {
    let seal = this.#seals.get(id);
    if (!seal) {
      seal = new Seal(this.#master.unwrap(placeOf(project, id), wrapped));
      this.#seals.set(id, seal);
    }
    return seal;
  }

  #save(kept: Map<string, KeptKey>): void {
    writeSecretFile(this.#path, JSON.stringify([...kept]));
    this.#kept = kept;
  }
}

function readKept(path: string): Map<string, KeptKey> {
  const text = readSecretFile(path);
  if (text === null) return new Map();
  try {
    return new Map(JSON.parse(text) as [string, KeptKey][]);
  } catch {
    throw new Error(
      `${path} is damaged: put it back from a copy; without it content in the audit log cannot be read`,
    );
  }
}
