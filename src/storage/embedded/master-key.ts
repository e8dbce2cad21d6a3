import { hash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Seal } from '../sealed-cache/seal.ts';
import { readSecretFile, writeSecretFile } from './secret-file.ts';

/** Of what is encrypted under a master key: `wrapped:1:<id of the key>:<sealed, base64url>`. */
const shape = /^wrapped:1:([0-9a-f]{8}):([A-Za-z0-9_-]+)$/;
const keyShape = /^[0-9a-f]{64}$/;

export const masterKeyFile = 'master-key';

export interface MasterKeySettings {
  readonly directory: string;
  /** 64 hexadecimal digits each, the one in use first, those before it after; null: they are in the state directory. */
  readonly given: readonly string[] | null;
}

/**
 * What encrypts the keys that data is encrypted under. It is the configuration's, or made when it is first needed and kept in
 * `master-key` of the state directory, readable by its owner only. Data stays as it is when it changes: only keys are wrapped
 * anew.
 */
export class MasterKey {
  readonly #settings: MasterKeySettings;
  #keys: readonly Uint8Array[];

  /** @throws Error when one is no key. */
  constructor(settings: MasterKeySettings) {
    this.#settings = settings;
    this.#keys = (settings.given ?? readKeys(this.path)).map((text) => parseKey(text, this.source));
  }

  /** Where it comes from, for messages. */
  get source(): string {
    return this.#settings.given ? 'secrets.masterKey' : this.path;
  }

  get path(): string {
    return join(this.#settings.directory, masterKeyFile);
  }

  /** In their order: for another thread. */
  get texts(): string[] {
    return this.#keys.map((key) => Buffer.from(key).toString('hex'));
  }

  /** There is one from now on. */
  ensure(): void {
    if (this.#keys.length === 0) this.#make();
  }

  /** @param place What it may be taken for: what is moved elsewhere does not open. */
  wrap(place: string, plain: Uint8Array): string {
    const key = this.#keys[0] ?? this.#make();
    const sealed = Buffer.from(new Seal(key).seal('master-key', place, plain));
    return `wrapped:1:${idOf(key)}:${sealed.toString('base64url')}`;
  }

  /** @throws Error that says what to do when the key is another, or is lost. */
  unwrap(place: string, text: string): Buffer {
    const match = shape.exec(text);
    if (!match) throw new Error(`${place} is not as it was written: put it back from a copy`);
    const [, id, sealed] = match as unknown as [string, string, string];
    const key = this.#keys.find((each) => idOf(each) === id);
    if (!key) {
      const have =
        this.#keys.length === 0
          ? `there is none in ${this.source}`
          : `${this.source} has ${this.#keys.map(idOf).join(', ')}`;
      throw new Error(
        `${place} is encrypted under the master key ${id}, and ${have}: put the right one back; without it what it protects cannot be read`,
      );
    }
    try {
      return new Seal(key).open('master-key', place, Buffer.from(sealed, 'base64url'));
    } catch {
      throw new Error(`${place} is not as it was written: put it back from a copy`);
    }
  }

  /** Is it under the key in use? */
  isCurrent(text: string): boolean {
    const [current] = this.#keys;
    return current !== undefined && shape.exec(text)?.[1] === idOf(current);
  }

  #make(): Uint8Array {
    const key = new Uint8Array(randomBytes(32));
    writeSecretFile(this.path, Buffer.from(key).toString('hex'));
    this.#keys = [key];
    return key;
  }
}

export const isWrapped = (text: string): boolean => shape.test(text);

const idOf = (key: Uint8Array): string => hash('sha256', key, 'hex').slice(0, 8);

/** The one in use, and those before it; none where there is no file. */
function readKeys(path: string): string[] {
  return readSecretFile(path)?.split(/\s+/) ?? [];
}

function parseKey(text: string, source: string): Uint8Array {
  if (!keyShape.test(text)) throw new Error(`${source} does not hold a master key: 64 hexadecimal digits`);
  return new Uint8Array(Buffer.from(text, 'hex'));
}
