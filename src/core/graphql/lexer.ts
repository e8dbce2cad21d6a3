import { GraphqlError } from './graphql-error.ts';

/** What a token is: a sign of punctuation by itself, or one of these. */
export type TokenKind =
  | 'name'
  | 'int'
  | 'float'
  | 'string'
  | 'end'
  | '...'
  | '!'
  | '$'
  | '&'
  | '('
  | ')'
  | ':'
  | '='
  | '@'
  | '['
  | ']'
  | '{'
  | '|'
  | '}'
  | '.';

const word = /[A-Za-z_][A-Za-z0-9_]*/y;
const numeral = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const lineEnd = /[\n\r]/g;
const stringEnd = /["\n\r\\]/g;
const punctuation = '!$&():=@[]{|}';

/**
 * The tokens of a document (GraphQL specification of October 2021, §2.1), one at a time, in one pass over the text. It is asked
 * for no more tokens than are allowed.
 */
export class Lexer {
  kind: TokenKind = 'end';
  /** Tokens so far. */
  count = 0;
  readonly #text: string;
  readonly #maxTokens: number;
  #at = 0;
  #start = 0;
  #end = 0;

  /** @throws GraphqlError for a first token that is none. */
  constructor(text: string, maxTokens: number) {
    this.#text = text;
    this.#maxTokens = maxTokens;
    this.next();
  }

  /** The token's text: a string's with its quotes. */
  get text(): string {
    return this.#text.slice(this.#start, this.#end);
  }

  is(word: string): boolean {
    return this.kind === 'name' && this.text === word;
  }

  /** The present token's text, and on to the next. @throws GraphqlError where it is of another kind. */
  take(kind: TokenKind): string {
    if (this.kind !== kind) throw this.unexpected(kind === 'name' ? 'a name' : `"${kind}"`);
    const { text } = this;
    this.next();
    return text;
  }

  /** Goes on where the token is of a kind. */
  skip(kind: TokenKind): boolean {
    if (this.kind !== kind) return false;
    this.next();
    return true;
  }

  unexpected(expected: string): GraphqlError {
    const came = this.kind === 'end' ? 'the end' : `"${this.text.slice(0, 40)}"`;
    return this.#wrong(`expected ${expected}, got ${came}`);
  }

  next(): void {
    this.#skipIgnored();
    const at = (this.#start = this.#at);
    const text = this.#text;
    if (at >= text.length) {
      this.kind = 'end';
      this.#end = at;
      return;
    }
    if (++this.count > this.#maxTokens)
      throw new GraphqlError('tokens', `The document has more than ${this.#maxTokens} tokens.`);
    this.#at = this.#end = this.#read(text[at]!, at);
  }

  /** Sets the kind; returns where the token ends. */
  #read(sign: string, at: number): number {
    if (punctuation.includes(sign)) {
      this.kind = sign as TokenKind;
      return at + 1;
    }
    const text = this.#text;
    if (sign === '.') {
      if (!text.startsWith('...', at)) throw this.#wrong('a "." stands alone');
      this.kind = '...';
      return at + 3;
    }
    if (sign === '"') {
      this.kind = 'string';
      return this.#endOfString(at);
    }
    word.lastIndex = at;
    if (word.test(text)) {
      this.kind = 'name';
      return word.lastIndex;
    }
    numeral.lastIndex = at;
    const found = numeral.exec(text);
    if (!found) throw this.#wrong(`"${sign}" is no token`);
    const end = numeral.lastIndex;
    // §2.9.1: what follows a number must not look like more of it.
    if (/[A-Za-z0-9_.]/.test(text[end] ?? '')) throw this.#wrong('a number does not end');
    this.kind = found[1] === undefined && found[2] === undefined ? 'int' : 'float';
    return end;
  }

  #skipIgnored(): void {
    const text = this.#text;
    for (let at = this.#at; ; at++) {
      switch (text.charCodeAt(at)) {
        case 0x20:
        case 0x09:
        case 0x0a:
        case 0x0d:
        case 0x2c:
        case 0xfeff:
          continue;
        case 0x23:
          lineEnd.lastIndex = at;
          at = lineEnd.exec(text)?.index ?? text.length;
          continue;
        default:
          this.#at = at;
          return;
      }
    }
  }

  #endOfString(from: number): number {
    const text = this.#text;
    if (text.startsWith('"""', from)) {
      for (let at = from + 3; ;) {
        const end = text.indexOf('"""', at);
        if (end < 0) throw this.#wrong('a string does not end');
        if (text[end - 1] !== '\\') return end + 3;
        at = end + 3;
      }
    }
    for (let at = from + 1; ; at++) {
      stringEnd.lastIndex = at;
      at = stringEnd.exec(text)?.index ?? text.length;
      if (text[at] === '"') return at + 1;
      if (text[at] !== '\\') throw this.#wrong('a string does not end');
      at++;
    }
  }

  #wrong(why: string): GraphqlError {
    const before = this.#text.slice(0, this.#start).split(/\r\n|\n|\r/);
    const place = `line ${before.length}, column ${before.at(-1)!.length + 1}`;
    return new GraphqlError('syntax', `Syntax error at ${place}: ${why}.`);
  }
}
