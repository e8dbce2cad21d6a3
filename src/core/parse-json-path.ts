/**
 * Reads the text of a JSON path (RFC 9535): names, indexes, slices, wildcards and descendants. Filters and functions are refused
 * with their reason.
 */

/** Chooses among the children of a value. */
export type JsonSelector =
  | { readonly name: string }
  /** From the end where it is negative. */
  | { readonly index: number }
  /** Null is from the one end to the other, whichever way the step goes. */
  | { readonly start: number | null; readonly end: number | null; readonly step: number }
  | { readonly all: true };

export interface JsonSegment {
  readonly selectors: readonly JsonSelector[];
  /** Of the children of the value and of whatever is within it. */
  readonly descends: boolean;
}

const maxLength = 2048;
const maxSelectors = 200;

const nameFirst = /[A-Za-z_\u0080-\uffff]/;
const nameRest = /[A-Za-z0-9_\u0080-\uffff]/;
const escapes: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '/': '/',
  '\\': '\\',
};

/** @throws SyntaxError saying what was expected, what came, and where. */
export function parseJsonPath(text: string): JsonSegment[] {
  if (text.length > maxLength)
    throw new SyntaxError(`a JSON path has at most ${maxLength} characters, and this one ${text.length}`);
  return new Parser(text).all();
}

class Parser {
  readonly #text: string;
  #at = 0;
  #selectors = 0;

  constructor(text: string) {
    this.#text = text;
  }

  all(): JsonSegment[] {
    if (!this.#takes('$')) throw this.#expected('"$"');
    const segments: JsonSegment[] = [];
    for (;;) {
      const before = this.#at;
      this.#skipSpace();
      if (this.#at === this.#text.length) {
        if (before === this.#at) return segments;
        this.#at = before;
        throw this.#expected('the end of the path');
      }
      segments.push(this.#segment());
    }
  }

  #segment(): JsonSegment {
    if (this.#takes('..')) {
      if (this.#takes('[')) return { selectors: this.#bracketed(), descends: true };
      return { selectors: [this.#shorthand('a name, "*" or "["')], descends: true };
    }
    if (this.#takes('.')) return { selectors: [this.#shorthand('a name or "*"')], descends: false };
    if (this.#takes('[')) return { selectors: this.#bracketed(), descends: false };
    throw this.#expected('".", ".." or "["');
  }

  #shorthand(expected: string): JsonSelector {
    this.#count();
    if (this.#takes('*')) return { all: true };
    const start = this.#at;
    if (!nameFirst.test(this.#text.charAt(start))) throw this.#expected(expected);
    while (nameRest.test(this.#text.charAt(this.#at))) this.#at++;
    const name = this.#text.slice(start, this.#at);
    if (name.isWellFormed()) return { name };
    this.#at = start;
    throw this.#expected('a name of whole characters');
  }

  #bracketed(): JsonSelector[] {
    const selectors: JsonSelector[] = [];
    do {
      this.#skipSpace();
      this.#count();
      selectors.push(this.#selector());
      this.#skipSpace();
    } while (this.#takes(','));
    if (!this.#takes(']')) throw this.#expected('"," or "]"');
    return selectors;
  }

  #selector(): JsonSelector {
    const next = this.#text.charAt(this.#at);
    if (next === '"' || next === "'") return { name: this.#quoted(next) };
    if (this.#takes('*')) return { all: true };
    if (next === '?') throw this.#expected('a quoted name, an index, a slice or "*" (there are no filters)');
    const start = this.#integer();
    const before = this.#at;
    this.#skipSpace();
    if (this.#takes(':')) return this.#slice(start);
    this.#at = before;
    if (start === null) throw this.#expected('a quoted name, an index, a slice or "*"');
    return { index: start };
  }

  #slice(start: number | null): JsonSelector {
    this.#skipSpace();
    const end = this.#integer();
    const before = this.#at;
    this.#skipSpace();
    if (!this.#takes(':')) {
      this.#at = before;
      return { start, end, step: 1 };
    }
    this.#skipSpace();
    return { start, end, step: this.#integer() ?? 1 };
  }

  /** Null where none stands. */
  #integer(): number | null {
    const found = /^-?[0-9]+/.exec(this.#text.slice(this.#at, this.#at + 32));
    if (!found) return null;
    const value = Number(found[0]);
    // RFC 9535 §2.1: no zero with a sign or before other digits, and within the exact integers of I-JSON.
    if (!/^(0|-?[1-9][0-9]*)$/.test(found[0]) || !Number.isSafeInteger(value))
      throw this.#expected('an integer such as 0, 12 or -1');
    this.#at += found[0].length;
    return value;
  }

  #quoted(quote: string): string {
    const start = this.#at++;
    let name = '';
    for (;;) {
      const next = this.#text.charAt(this.#at);
      if (next === '') throw this.#expected(`the closing ${quote}`);
      if (next < ' ') throw this.#expected('no control character within a name');
      this.#at++;
      if (next === quote) break;
      name += next === '\\' ? this.#escaped(quote) : next;
    }
    if (name.isWellFormed()) return name;
    this.#at = start;
    throw this.#expected('a name of whole characters');
  }

  #escaped(quote: string): string {
    const next = this.#text.charAt(this.#at);
    if (next === quote || Object.hasOwn(escapes, next)) {
      this.#at++;
      return escapes[next] ?? quote;
    }
    const code = /^u([0-9A-Fa-f]{4})/.exec(this.#text.slice(this.#at, this.#at + 5));
    if (!code) throw this.#expected('an escape such as \\n, \\\\ or \\u00e9');
    this.#at += 5;
    return String.fromCharCode(parseInt(code[1]!, 16));
  }

  #count(): void {
    if (++this.#selectors > maxSelectors)
      throw new SyntaxError(`a JSON path has at most ${maxSelectors} selectors`);
  }

  #skipSpace(): void {
    while (/[ \t\r\n]/.test(this.#text.charAt(this.#at))) this.#at++;
  }

  #takes(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #expected(what: string): SyntaxError {
    const came = this.#text.slice(this.#at, this.#at + 12);
    const got = came === '' ? 'the end of the path' : JSON.stringify(came);
    return new SyntaxError(`expected ${what}, got ${got}, at character ${this.#at + 1}`);
  }
}
