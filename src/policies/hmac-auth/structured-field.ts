/** Structured fields (RFC 9651), as far as signatures and digests are written in them. */

/** Tokens are kept apart from texts; byte sequences are buffers. */
export type BareItem = string | number | boolean | Buffer | { readonly token: string };

export interface Item {
  readonly value: BareItem;
  readonly parameters: ReadonlyMap<string, BareItem>;
}

export interface InnerList {
  readonly items: readonly Item[];
  readonly parameters: ReadonlyMap<string, BareItem>;
}

export type Dictionary = ReadonlyMap<string, Item | InnerList>;

/** Null: it is not well-formed, or names a key twice, which readers would take for one or the other. */
export function parseDictionary(text: string): Dictionary | null {
  const reader = new Reader(text);
  try {
    return reader.dictionary();
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.replace(/^ +| +$/g, '');
  }

  dictionary(): Dictionary {
    const members = new Map<string, Item | InnerList>();
    while (this.#at < this.#text.length) {
      const key = this.#take(/[a-z*][a-z0-9_.*-]*/y);
      if (members.has(key)) throw new SyntaxError();
      members.set(key, this.#has('=') ? this.#member() : { value: true, parameters: this.#parameters() });
      this.#take(/[ \t]*/y);
      if (this.#at === this.#text.length) break;
      if (!this.#has(',')) throw new SyntaxError();
      this.#take(/[ \t]*/y);
      if (this.#at === this.#text.length) throw new SyntaxError();
    }
    return members;
  }

  #member(): Item | InnerList {
    if (!this.#has('(')) return this.#item();
    const items: Item[] = [];
    for (;;) {
      this.#take(/ */y);
      if (this.#has(')')) return { items, parameters: this.#parameters() };
      items.push(this.#item());
      if (!/[ )]/.test(this.#text[this.#at] ?? '')) throw new SyntaxError();
    }
  }

  #item(): Item {
    return { value: this.#bare(), parameters: this.#parameters() };
  }

  #parameters(): ReadonlyMap<string, BareItem> {
    const parameters = new Map<string, BareItem>();
    while (this.#has(';')) {
      this.#take(/ */y);
      const key = this.#take(/[a-z*][a-z0-9_.*-]*/y);
      if (parameters.has(key)) throw new SyntaxError();
      parameters.set(key, this.#has('=') ? this.#bare() : true);
    }
    return parameters;
  }

  #bare(): BareItem {
    switch (this.#text[this.#at]) {
      case '"':
        return this.#take(/"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"/y)
          .slice(1, -1)
          .replace(/\\(.)/g, '$1');
      case ':':
        return Buffer.from(this.#take(/:[A-Za-z0-9+/]*={0,2}:/y).slice(1, -1), 'base64');
      case '?':
        return this.#take(/\?[01]/y) === '?1';
      default:
        if (/[-0-9]/.test(this.#text[this.#at] ?? '')) return Number(this.#take(/-?\d{1,15}(?![.\d])/y));
        return { token: this.#take(/[A-Za-z*][\w:/!#$%&'*+.^`|~-]*/y) };
    }
  }

  #has(sign: string): boolean {
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #take(shape: RegExp): string {
    shape.lastIndex = this.#at;
    const found = shape.exec(this.#text);
    if (!found) throw new SyntaxError();
    this.#at = shape.lastIndex;
    return found[0];
  }
}

/** As the one that signs has written it: what is signed holds the parameters in this form (RFC 9421 §2.3). */
export function renderInnerList({ items, parameters }: InnerList): string {
  return `(${items.map(renderItem).join(' ')})${renderParameters(parameters)}`;
}

export const renderItem = ({ value, parameters }: Item): string =>
  renderBare(value) + renderParameters(parameters);

const renderParameters = (parameters: ReadonlyMap<string, BareItem>): string =>
  [...parameters].map(([key, value]) => `;${key}${value === true ? '' : `=${renderBare(value)}`}`).join('');

function renderBare(value: BareItem): string {
  if (typeof value === 'string') return `"${value.replace(/["\\]/g, '\\$&')}"`;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? '?1' : '?0';
  return Buffer.isBuffer(value) ? `:${value.toString('base64')}:` : value.token;
}
