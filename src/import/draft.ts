import { createHash } from 'node:crypto';
import type { ConfigDocument } from '#config/schema.ts';
import type { ReportBuilder } from './report.ts';

/** A piece of a sluice.yaml, in its words; checked with the whole. */
export type Piece = Record<string, unknown>;

const sections = ['providers', 'models', 'upstreams', 'consumers', 'keys', 'prices'] as const;
type Section = (typeof sections)[number];

/** Whoever called under the other product belongs to one project, until somebody parts them. */
export const project = 'imported';

/** A sluice.yaml in the making. */
export class Draft {
  readonly report: ReportBuilder;
  readonly #sections = new Map<Section, Map<string, Piece>>(sections.map((name) => [name, new Map()]));
  readonly #routeNames = new Set<string>();
  readonly #routes: Piece[] = [];

  constructor(report: ReportBuilder) {
    this.report = report;
  }

  /** A name that is taken by nobody in its section, and is one. */
  name(section: Section | 'routes', wanted: string): string {
    const taken = section === 'routes' ? this.#routeNames : this.#sections.get(section)!;
    const legal = legalName(wanted);
    let name = legal;
    for (let n = 2; taken.has(name); n++) name = `${legal.slice(0, 110)}-${n}`;
    return name;
  }

  /** Under a name that nobody else has; returns it. */
  add(section: Section, wanted: string, piece: Piece): string {
    const name = this.name(section, wanted);
    this.#sections.get(section)!.set(name, piece);
    return name;
  }

  has(section: Section, name: string): boolean {
    return this.#sections.get(section)!.has(name);
  }

  get(section: Section, name: string): Piece | undefined {
    return this.#sections.get(section)!.get(name);
  }

  /** As it is named: models, and prices of them. */
  set(section: Section, name: string, piece: Piece): void {
    this.#sections.get(section)!.set(name, piece);
  }

  /** In the order in which they are tried. */
  addRoute({ name, ...route }: Piece & { readonly name: string }): void {
    const own = this.name('routes', name);
    this.#routeNames.add(own);
    this.#routes.push({ name: own, ...route });
  }

  document(more: Piece = {}): ConfigDocument {
    const written: Piece = { version: 1, ...more };
    for (const [section, pieces] of this.#sections)
      if (pieces.size > 0) written[section] = Object.fromEntries(pieces);
    if (this.#sections.get('consumers')!.size > 0 || this.#sections.get('keys')!.size > 0) {
      written['teams'] = { [project]: {} };
      written['projects'] = { [project]: { team: project } };
    }
    // Each route has a list of its own: what held for all of them stands in it.
    written['policies'] = [];
    written['routes'] = this.#routes;
    return written as ConfigDocument;
  }
}

/** As sluice.yaml takes names. */
export function legalName(wanted: string): string {
  const name = wanted
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|-+$/g, '')
    .slice(0, 120);
  return name === '' ? 'unnamed' : name;
}

/** So that a key holds as it did, and does not stand in the document. */
export const sha256Of = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** A span of time in the words of sluice.yaml; rounded up to a millisecond. */
export const span = (seconds: number): string => {
  const ms = Math.min(Math.max(1, Math.ceil(seconds * 1000)), 999_999_999);
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
};

/** A rate of requests or tokens: so many in so many seconds. Null where that is no rate of ours. */
export function rateOf(count: number, seconds: number): string | null {
  const whole = Math.floor(count);
  if (whole < 1 || whole >= 1e15 || seconds < 1 || seconds > 31 * 86_400 || !Number.isSafeInteger(seconds))
    return null;
  for (const [unit, length] of [
    ['day', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ] as const)
    if (seconds % length === 0) return `${whole}/${seconds === length ? '' : seconds / length}${unit}`;
  return null;
}

/** Text that a pattern takes as it is. */
export const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

/** A pattern that is looked for anywhere in a text, as one for the whole text. */
export function anywhere(pattern: string): string {
  const begins = pattern.startsWith('^');
  const ends = /(?<!\\)(?:\\\\)*\$$/.test(pattern);
  const inner = pattern.slice(begins ? 1 : 0, ends ? -1 : undefined);
  return `${begins ? '' : '.*'}(?:${inner})${ends ? '' : '.*'}`;
}
