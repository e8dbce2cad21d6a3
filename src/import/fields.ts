import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import type { ReportBuilder, SourcePath } from './report.ts';

/**
 * A mapping of a source document, read key by key. A key that was asked for is carried unless something else is said of it; one that
 * nobody asks for is said to be not carried when the report is finished. So is a value that is not of the kind that was asked for.
 */
export class Fields {
  readonly path: SourcePath;
  readonly report: ReportBuilder;
  readonly #value: JsonObject;
  /** Asked for, and nothing was said of them yet. */
  readonly #open = new Set<string>();
  readonly #said = new Set<string>();

  constructor(value: unknown, path: SourcePath, report: ReportBuilder) {
    this.#value = isObject(value) ? value : {};
    this.path = path;
    this.report = report;
  }

  get keys(): string[] {
    return Object.keys(this.#value);
  }

  has(key: string): boolean {
    return this.peek(key) !== undefined;
  }

  /** The same mapping, of which another report is told. */
  told(report: ReportBuilder): Fields {
    return new Fields(this.#value, this.path, report);
  }

  /** The same without some of its keys, which somebody else tells of. */
  without(isOthers: (key: string) => boolean): Fields {
    const own = Object.entries(this.#value).filter(([key]) => !isOthers(key));
    return new Fields(Object.fromEntries(own), this.path, this.report);
  }

  /** An empty mapping in the place of one that is left out. */
  nothing(key: string): Fields {
    return new Fields({}, [...this.path, key], this.report);
  }

  /** The value, which is no word about it. */
  peek(key: string): unknown {
    const value = Object.hasOwn(this.#value, key) ? this.#value[key] : undefined;
    return value ?? undefined;
  }

  take(key: string): unknown {
    if (Object.hasOwn(this.#value, key)) this.#open.add(key);
    return this.peek(key);
  }

  text(key: string): string | undefined {
    return this.#as(key, 'a text', (value) => (typeof value === 'string' && value !== '' ? value : null));
  }

  /** Text, or a number as text. */
  word(key: string): string | undefined {
    return this.#as(key, 'a text or a number', (value) =>
      (typeof value === 'string' && value !== '') || typeof value === 'number' ? String(value) : null,
    );
  }

  /** A finite number that is not negative; also as text. */
  amount(key: string): number | undefined {
    return this.#as(key, 'a number', (value) => {
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
      return typeof number === 'number' && number >= 0 && number < Number.MAX_SAFE_INTEGER ? number : null;
    });
  }

  flag(key: string): boolean | undefined {
    return this.#as(key, 'true or false', (value) => (typeof value === 'boolean' ? value : null));
  }

  /** A list of texts; a text alone is a list of it. */
  texts(key: string): string[] | undefined {
    return this.#as(key, 'a list of texts', (value) => {
      const list: unknown[] = Array.isArray(value) ? value : [value];
      return list.every((each): each is string => typeof each === 'string' && each !== '') ? list : null;
    });
  }

  /** Statuses and the like. */
  numbers(key: string): number[] | undefined {
    return this.#as(key, 'a list of numbers', (value) =>
      Array.isArray(value) && value.every((each): each is number => Number.isSafeInteger(each))
        ? value
        : null,
    );
  }

  /** Null where there is none, or no mapping. What is in it is said by whoever reads it. */
  within(key: string): Fields | null {
    const value = this.peek(key);
    if (value === undefined) return null;
    this.#said.add(key);
    if (isObject(value)) return new Fields(value, [...this.path, key], this.report);
    this.notCarried(key, 'expected a mapping');
    return null;
  }

  /** Mappings of a list; what is none is said. */
  each(key: string): Fields[] {
    const value = this.peek(key);
    if (value === undefined) return [];
    this.#said.add(key);
    if (!Array.isArray(value)) {
      this.notCarried(key, 'expected a list');
      return [];
    }
    if (value.length === 0) this.report.carried([...this.path, key], 'there is nothing in it');
    return value.flatMap((each: unknown, i) => {
      const path = [...this.path, key, i];
      if (isObject(each)) return [new Fields(each, path, this.report)];
      this.report.notCarried(path, 'expected a mapping');
      return [];
    });
  }

  carried(key: string, note: string): void {
    this.#say(key, 'carried', note);
  }

  differs(key: string, note: string): void {
    this.#say(key, 'differs', note);
  }

  notCarried(key: string, note: string): void {
    this.#say(key, 'notCarried', note);
  }

  /** All that is there and was not asked for is not carried, for one reason. */
  restNotCarried(note: string): void {
    this.close('as it was');
    for (const key of this.keys) if (!this.#said.has(key)) this.notCarried(key, note);
    if (this.keys.length === 0) this.report.notCarried(this.path, note);
  }

  /** What was asked for, and of which nothing was said, went where the note says. */
  close(note: string): void {
    for (const key of this.#open) this.report.carried([...this.path, key], note);
    for (const key of this.#open) this.#said.add(key);
    this.#open.clear();
    if (this.keys.length === 0) this.report.carried(this.path, note);
  }

  #say(key: string, outcome: 'carried' | 'differs' | 'notCarried', note: string): void {
    this.#open.delete(key);
    this.#said.add(key);
    this.report[outcome]([...this.path, key], note);
  }

  #as<T>(key: string, expected: string, read: (value: unknown) => T | null): T | undefined {
    const value = this.take(key);
    if (value === undefined) return undefined;
    const found = read(value);
    if (found !== null) return found;
    this.notCarried(key, `expected ${expected}`);
    return undefined;
  }
}
