/** What became of one place of the source document. */
export type Outcome = 'carried' | 'differs' | 'not-carried';

export interface ReportLine {
  /** Of the place in the source, as JSON Pointer (RFC 6901): `/paths/~1pets/get`. */
  readonly place: string;
  readonly outcome: Outcome;
  /** Carried: where it went, in the words of sluice.yaml. Else: why, and what to do. */
  readonly note: string;
}

export interface ImportReport {
  readonly lines: readonly ReportLine[];
  /** Variables of the environment that the document refers to, and what each is for. */
  readonly variables: ReadonlyMap<string, string>;
}

export type SourcePath = readonly (string | number)[];

const pointerOf = (path: SourcePath): string =>
  path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** Places that are told one by one below one that nobody spoke of; beyond, there is one line for the rest. */
const mostUnknown = 1000;

/**
 * Collects what becomes of a source document. A line is for its place and all below it that has none of its own; whatever is left
 * over at the end is said to be not carried, so that nothing of a document is lost in silence.
 */
export class ReportBuilder {
  readonly #lines: ReportLine[] = [];
  readonly #places = new Set<string>();
  /** Places that have lines below them. */
  readonly #above = new Set<string>();
  readonly #variables = new Map<string, string>();

  carried(path: SourcePath, note: string): void {
    this.#add(path, 'carried', note);
  }

  differs(path: SourcePath, note: string): void {
    this.#add(path, 'differs', note);
  }

  notCarried(path: SourcePath, note: string): void {
    this.#add(path, 'not-carried', note);
  }

  /** The text that stands for a secret in the document: a reference to a variable, which the report asks for. */
  secret(variable: string, purpose: string): string {
    const name = variable.toUpperCase().replace(/[^A-Z0-9]+/g, '_');
    this.#variables.set(name, purpose);
    return `\${env:${name}}`;
  }

  /** With a line for everything in `source` that has none, and lies below none that has one. */
  finish(source: unknown): ImportReport {
    let left = mostUnknown;
    const open: SourcePath[] = [[]];
    const values: unknown[] = [source];
    while (open.length > 0) {
      const path = open.pop()!;
      const value = values.pop();
      const place = pointerOf(path);
      if (this.#places.has(place)) continue;
      if (!this.#above.has(place)) {
        if (path.length === 0 && isEmpty(value)) continue;
        if (--left < 0) {
          this.#lines.push({ place: '', outcome: 'not-carried', note: 'and more that nothing is known of' });
          break;
        }
        this.#lines.push({ place, outcome: 'not-carried', note: 'nothing is known of this' });
        continue;
      }
      if (typeof value !== 'object' || value === null) continue;
      for (const [key, member] of Object.entries(value).reverse()) {
        open.push([...path, Array.isArray(value) ? Number(key) : key]);
        values.push(member);
      }
    }
    return { lines: this.#lines, variables: this.#variables };
  }

  #add(path: SourcePath, outcome: Outcome, note: string): void {
    const place = pointerOf(path);
    this.#lines.push({ place, outcome, note });
    this.#places.add(place);
    for (let end = path.length - 1; end >= 0; end--) {
      const above = pointerOf(path.slice(0, end));
      if (this.#above.has(above)) break;
      this.#above.add(above);
    }
  }
}

const isEmpty = (value: unknown): boolean =>
  typeof value !== 'object' || value === null || Object.keys(value).length === 0;
