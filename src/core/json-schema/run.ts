/** One place of a value that is not as its schema says. Says nothing of the value itself but its type and size. */
export interface SchemaMismatch {
  /** Of the value, from its top. */
  readonly path: readonly (string | number)[];
  /** The keyword that does not hold: `maximum`. */
  readonly keyword: string;
  readonly expected: string;
  /** What came: `a string of 3 characters`. */
  readonly got: string;
}

/** A value asks for more work than its size gives reason for. */
export class TooMuchWork extends Error {}

/** A schema, or any part of one, made ready. False: the value does not hold to it, and `run` knows why. */
export type Check = (value: unknown, run: Run) => boolean;

/** A schema resource (JSON Schema 2020-12 §4.3.5): what `$dynamicRef` chooses among. */
export interface Resource {
  readonly dynamicAnchors: Map<string, Check>;
}

/** What of an object or list has been looked at by the schemas that apply to it (`unevaluatedProperties`, `unevaluatedItems`). */
export interface Evaluated {
  readonly names: Set<string>;
  readonly indexes: Set<number>;
}

/** Checks may call one another so deep: schemas that lead to themselves without taking a step into the value end here. */
const mostNested = 600;

/** One value on its way through a schema: where it stands, what was found, and how much may still be done. */
export class Run {
  readonly mismatches: SchemaMismatch[] = [];
  readonly path: (string | number)[] = [];
  /** Resources that were entered, the outermost first. */
  readonly scope: Resource[] = [];
  /** Null: nobody asks. */
  evaluated: Evaluated | null = null;
  readonly #most: number;
  #work: number;
  #nested = 0;
  /** Above 0: an alternative is tried, and what it finds is nobody's business. */
  #trying = 0;

  /**
   * @param most Mismatches that are told; the first ones.
   * @param work Steps that may be done; a step is a schema applied to a value.
   */
  constructor(most: number, work: number) {
    this.#most = most;
    this.#work = work;
  }

  /** @throws TooMuchWork */
  spend(steps: number): void {
    if ((this.#work -= steps) < 0) throw new TooMuchWork();
  }

  /** Has all been told that may be? */
  get isFull(): boolean {
    return this.#trying > 0 || this.mismatches.length >= this.#most;
  }

  /** Always false, for checks to return. */
  refuse(keyword: string, expected: string, value: unknown): false {
    if (!this.isFull)
      this.mismatches.push({ path: [...this.path], keyword, expected, got: describeValue(value) });
    return false;
  }

  /** Of a member that is missing, or should not be there. */
  refuseMember(name: string, keyword: string, expected: string, got = 'nothing'): false {
    if (!this.isFull) this.mismatches.push({ path: [...this.path, shortName(name)], keyword, expected, got });
    return false;
  }

  /** @throws TooMuchWork */
  enter(check: Check, value: unknown): boolean {
    if (++this.#nested > mostNested) throw new TooMuchWork();
    this.spend(1);
    const holds = check(value, this);
    this.#nested--;
    return holds;
  }

  /** A member of the value: none of what was looked at in the value itself. @throws TooMuchWork */
  step(key: string | number, check: Check, value: unknown): boolean {
    const { evaluated } = this;
    this.evaluated = null;
    this.path.push(key);
    const holds = this.enter(check, value);
    this.path.pop();
    this.evaluated = evaluated;
    return holds;
  }

  /** Does it hold, as something apart from the value at hand? @throws TooMuchWork */
  tryStep(check: Check, value: unknown): boolean {
    const { evaluated } = this;
    this.evaluated = null;
    const holds = this.try(check, value);
    this.evaluated = evaluated;
    return holds;
  }

  /** Does it hold? What it looked at counts for nobody. @throws TooMuchWork */
  tryUnseen(check: Check, value: unknown): boolean {
    const { evaluated } = this;
    // It may look for what is left over itself.
    this.evaluated = evaluated && { names: new Set(), indexes: new Set() };
    const holds = this.try(check, value);
    this.evaluated = evaluated;
    return holds;
  }

  /** Does it hold? Nothing is told; what it looked at counts only where it does. @throws TooMuchWork */
  try(check: Check, value: unknown): boolean {
    const { evaluated } = this;
    const own = evaluated && { names: new Set<string>(), indexes: new Set<number>() };
    this.evaluated = own;
    this.#trying++;
    const holds = this.enter(check, value);
    this.#trying--;
    this.evaluated = evaluated;
    if (holds && evaluated) addEvaluated(evaluated, own!);
    return holds;
  }
}

/** A name that a stranger has chosen is shown in part. */
const shortName = (name: string): string => (name.length > 64 ? `${name.slice(0, 64)}…` : name);

export function addEvaluated(to: Evaluated, from: Evaluated): void {
  for (const name of from.names) to.names.add(name);
  for (const index of from.indexes) to.indexes.add(index);
}

/** Type and size, and never what it says: it may be a secret. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string': {
      const length = lengthOf(value);
      return length === 0 ? 'an empty string' : `a string of ${length} character${length === 1 ? '' : 's'}`;
    }
    case 'number':
      return Number.isInteger(value) ? 'an integer' : 'a number';
    case 'boolean':
      return String(value);
    case 'undefined':
      return 'nothing';
    default:
      if (value === null) return 'null';
      if (!Array.isArray(value)) return 'an object';
      return value.length === 0 ? 'an empty array' : `an array of ${value.length}`;
  }
}

/** In characters, which JSON Schema counts as RFC 8259 does: code points. */
export function lengthOf(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length - 1; i++)
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      length--;
      i++;
    }
  return length;
}
