/**
 * The regular expressions an operator may write, compiled to a graph of states that is walked without ever going back.
 * What a walk cannot do (look-around, back-references, boundaries) is refused with its reason.
 */

/** One step: a class of characters, or a fork. Indices into `PatternGraph.steps`. */
export type PatternStep =
  | { readonly ranges: readonly number[]; readonly next: number }
  | { readonly forks: readonly number[] }
  | { readonly end: true };

export interface PatternGraph {
  readonly steps: readonly PatternStep[];
  readonly start: number;
}

/** Steps of one pattern, repetitions written out: the cost of a character is at most this. */
const maxSteps = 500;
const maxDepth = 50;
const maxWritten = 20_000;
const maxUnit = 0xffff;

type Ranges = readonly number[];

const digits: Ranges = [0x30, 0x39];
const wordRanges: Ranges = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];
const spaces: Ranges = [0x09, 0x0d, 0x20, 0x20];
const any: Ranges = [0, maxUnit];

/** @throws SyntaxError saying what was met and where. */
export function parseLinearPattern(source: string): PatternGraph {
  const anchored = source.replace(/^\^/, '').replace(/(?<!\\)((?:\\\\)*)\$$/, '$1');
  const steps: PatternStep[] = [{ end: true }];
  const start = new Parser(anchored, steps).all()(0);
  return { steps, start };
}

/** Builds what it stands for in front of the step `next`, and returns its first step. */
type Piece = (next: number) => number;

class Parser {
  readonly #text: string;
  readonly #steps: PatternStep[];
  #at = 0;
  #depth = 0;
  #written = 0;

  constructor(text: string, steps: PatternStep[]) {
    this.#text = text;
    this.#steps = steps;
  }

  all(): Piece {
    const piece = this.#alternatives();
    if (this.#at < this.#text.length) throw this.#error(`")" has no "("`);
    return piece;
  }

  #error(what: string): SyntaxError {
    return new SyntaxError(`${what}, at character ${this.#at + 1}`);
  }

  #add(step: PatternStep): number {
    if (this.#steps.length >= maxSteps)
      throw new SyntaxError(`the pattern is too large: more than ${maxSteps} steps, repetitions written out`);
    return this.#steps.push(step) - 1;
  }

  #alternatives(): Piece {
    if (++this.#depth > maxDepth) throw this.#error('groups are nested too deeply');
    const options = [this.#sequence()];
    while (this.#text[this.#at] === '|') {
      this.#at++;
      options.push(this.#sequence());
    }
    this.#depth--;
    if (options.length === 1) return options[0]!;
    return (next) => this.#add({ forks: options.map((option) => option(next)) });
  }

  #sequence(): Piece {
    const pieces: Piece[] = [];
    while (this.#at < this.#text.length && !'|)'.includes(this.#text[this.#at]!)) {
      const piece = this.#piece();
      pieces.push(this.#repeated(piece));
    }
    return (next) => pieces.reduceRight((after, piece) => piece(after), next);
  }

  #repeated(piece: Piece): Piece {
    const counts = /^(?:[?*+]|\{(\d{1,3})(,(\d{0,3}))?\})/.exec(this.#text.slice(this.#at, this.#at + 12));
    if (!counts) {
      if (this.#text[this.#at] === '{')
        throw this.#error('expected {n}, {n,} or {n,m}; a brace itself is \\{');
      return piece;
    }
    this.#at += counts[0].length;
    if ('?*+{'.includes(this.#text[this.#at] ?? ' '))
      throw this.#error('a repetition cannot be repeated (lazy and possessive ones are not known)');
    const sign = counts[0][0]!;
    const least = sign === '{' ? Number(counts[1]) : sign === '+' ? 1 : 0;
    const most =
      sign === '?' ? 1 : sign !== '{' || counts[3] === '' ? Infinity : Number(counts[3] ?? counts[1]);
    if (most < least) throw this.#error(`{${least},${most}} is upside down`);
    return (next) => {
      let first = next;
      // Of nothing, repetitions make no steps and must be bounded all the same.
      this.#written += least + 1;
      if (this.#written > maxWritten) throw new SyntaxError('the pattern repeats too much');
      if (most === Infinity) {
        const forks: number[] = [];
        first = this.#add({ forks });
        forks.push(piece(first), next);
      } else for (let i = least; i < most; i++) first = this.#add({ forks: [piece(first), next] });
      for (let i = 0; i < least; i++) first = piece(first);
      return first;
    };
  }

  #piece(): Piece {
    const sign = this.#text[this.#at++]!;
    switch (sign) {
      case '(': {
        if (this.#text[this.#at] === '?') {
          if (!this.#text.startsWith('?:', this.#at))
            throw this.#error('only plain groups "(…)" and "(?:…)" are known');
          this.#at += 2;
        }
        const inner = this.#alternatives();
        if (this.#text[this.#at] !== ')') throw this.#error('a group is not closed');
        this.#at++;
        return inner;
      }
      case '[':
        return this.#class(this.#set());
      case '.':
        return this.#class(any);
      case '\\':
        return this.#class(this.#escape());
      case '^':
      case '$':
        this.#at--;
        throw this.#error(
          `"${sign}" may stand only at the end it names: a pattern is held against the whole`,
        );
      case '?':
      case '*':
      case '+':
      case '{':
        this.#at--;
        throw this.#error(`"${sign}" has nothing before it to repeat`);
      default:
        return this.#class([sign.charCodeAt(0), sign.charCodeAt(0)]);
    }
  }

  #class(ranges: Ranges): Piece {
    return (next) => this.#add({ ranges, next });
  }

  #escape(): Ranges {
    const sign = this.#text[this.#at++];
    if (sign === undefined) throw this.#error('a backslash has nothing after it');
    const known = { d: digits, w: wordRanges, s: spaces }[sign.toLowerCase()];
    if (known) return sign === sign.toLowerCase() ? known : negated(known);
    if (/[A-Za-z0-9]/.test(sign)) throw this.#error(`"\\${sign}" is not known; \\d, \\w and \\s are`);
    return [sign.charCodeAt(0), sign.charCodeAt(0)];
  }

  #set(): Ranges {
    const text = this.#text;
    const isNegated = text[this.#at] === '^';
    if (isNegated) this.#at++;
    const ranges: number[] = [];
    while (text[this.#at] !== ']') {
      const low = this.#member();
      if (text[this.#at] === '-' && text[this.#at + 1] !== ']') {
        this.#at++;
        const high = this.#member();
        if (low.length !== 2 || high.length !== 2 || low[0] !== low[1] || high[0] !== high[1])
          throw this.#error('a range goes from one character to another');
        if (high[0]! < low[0]!) throw this.#error('a range is upside down');
        ranges.push(low[0]!, high[0]!);
      } else ranges.push(...low);
    }
    this.#at++;
    if (ranges.length === 0) throw this.#error('a class is empty');
    return isNegated ? negated(ranges) : ranges;
  }

  #member(): Ranges {
    const sign = this.#text[this.#at++];
    if (sign === undefined) throw this.#error('a class "[…]" is not closed');
    if (sign === '\\') return this.#escape();
    return [sign.charCodeAt(0), sign.charCodeAt(0)];
  }
}

function negated(ranges: Ranges): number[] {
  const pairs: [number, number][] = [];
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i]!, ranges[i + 1]!]);
  pairs.sort((a, b) => a[0] - b[0]);
  const rest: number[] = [];
  let from = 0;
  for (const [low, high] of pairs) {
    if (low > from) rest.push(from, low - 1);
    from = Math.max(from, high + 1);
  }
  if (from <= maxUnit) rest.push(from, maxUnit);
  return rest;
}
