import { createRequire } from 'node:module';
import type * as Library from 'liquidjs';

/** Nothing of these reads files or other templates, and none writes past the escapes of `{{ … }}`. */
const tags = ['assign', 'capture', 'case', 'comment', 'if', 'unless', 'for', 'break', 'continue', '#'];
const filters = [
  ...['abs', 'append', 'at_least', 'at_most', 'capitalize', 'ceil', 'compact', 'concat', 'date', 'default'],
  ...['divided_by', 'downcase', 'first', 'floor', 'join', 'last', 'lstrip', 'map', 'minus', 'modulo', 'plus'],
  ...['prepend', 'remove', 'remove_first', 'replace', 'replace_first', 'reverse', 'round', 'rstrip', 'size'],
  ...['slice', 'sort', 'sort_natural', 'split', 'strip', 'strip_newlines', 'sum', 'times', 'truncate'],
  ...['truncatewords', 'uniq', 'upcase', 'url_decode', 'url_encode', 'where', 'json'],
];

/** Characters of a template. */
const maxSource = 65_536;
/** Pieces that one rendering goes through: a loop of a hundred steps around three pieces has 300. */
const maxPieces = 20_000;
/** Characters, and items of lists, that filters may make in one rendering. */
const maxMade = 4_000_000;
/** A net below the other bounds, which do not depend on how busy the machine is. */
const maxMs = 1000;
/** Characters that one rendering may give. */
export const maxRendered = 4_000_000;

/** How values are written where they stand. */
export type Emit = (value: unknown) => string;

/** Liquid (https://shopify.github.io/liquid/), as far as it takes values and gives text. */
export class LiquidEngine {
  readonly #liquid: Library.Liquid;
  #written = 0;

  /** @param emitters By the names of the filters that templates are given for them. */
  constructor(emitters: Readonly<Record<string, Emit>>, strict: boolean) {
    // Read when a configuration has a template, and not before: policies are made without waiting.
    const { Liquid: Engine } = createRequire(import.meta.url)('liquidjs') as typeof Library;
    const liquid = new Engine({
      strictFilters: true,
      strictVariables: strict,
      ownPropertyOnly: true,
      dynamicPartials: false,
      relativeReference: false,
      templates: {},
      parseLimit: 2 * maxSource,
      renderLimit: maxMs,
      memoryLimit: maxMade,
    });
    for (const name of Object.keys(liquid.tags)) if (!tags.includes(name)) delete liquid.tags[name];
    for (const name of Object.keys(liquid.filters)) if (!filters.includes(name)) delete liquid.filters[name];
    for (const [name, emit] of Object.entries(emitters))
      liquid.registerFilter(name, (value: unknown) => this.#count(emit(value)));
    this.#liquid = liquid;
  }

  /** @throws Error saying what cannot be read, and where. */
  parse(source: string): Library.Template[] {
    if (source.length > maxSource)
      throw new RangeError(`a template of ${source.length} characters; at most ${maxSource} are taken`);
    return this.#liquid.parse(source);
  }

  /** @throws Error where a bound is reached, or (strict) a value is missing. */
  render(parsed: Library.Template[], values: object): string {
    this.#written = 0;
    const text = String(this.#liquid.renderSync(parsed, values, { templateLimit: maxPieces }) ?? '');
    if (text.length > maxRendered) throw new RangeError(`more than ${maxRendered} characters were rendered`);
    return text;
  }

  /** What a loop has written is bounded while it runs, not afterwards. */
  #count(text: string): string {
    this.#written += text.length;
    if (this.#written > maxRendered)
      throw new RangeError(`more than ${maxRendered} characters were rendered`);
    return text;
  }
}
