import type { Emit } from './liquid-engine.ts';

/** Where the text of a template stands, which says how values are written in it. */
export type Place = 'text' | 'json' | 'html' | 'header' | 'url';

const stringOf = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | boolean);
  return text.toWellFormed();
};
const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A field's value is one line of visible characters (RFC 9110 §5.5): what is none becomes a space. */
export const oneLine = (text: string): string => text.replace(/[^\t\x20-\x7e\x80-\xff]+/g, ' ').trim();

/** By the names under which templates are given them. */
export const emitters: Readonly<Record<string, Emit>> = {
  sluice_text: stringOf,
  sluice_html: (value) => stringOf(value).replace(/[&<>"']/g, (sign) => entities[sign]!),
  sluice_header: (value) => oneLine(stringOf(value)),
  sluice_url: (value) => encodeURIComponent(stringOf(value)),
  /** A whole value. */
  sluice_json: (value) => JSON.stringify(value ?? null).toWellFormed(),
  /** Within a string. */
  sluice_json_text: (value) => JSON.stringify(stringOf(value)).slice(1, -1),
};

/**
 * The template with the filter of its place behind every `{{ … }}`. In JSON that is another one within a string than elsewhere: what stands
 * around is followed as JSON.
 */
export function withEmitters(source: string, place: Place): string {
  let out = '';
  let at = 0;
  const json = new StringWatch();
  while (at < source.length) {
    const open = nextOpening(source, at);
    const text = source.slice(at, open);
    json.follow(text);
    out += text;
    if (open === source.length) break;
    const isOutput = source[open + 1] === '{';
    const end = closingOf(source, open + 2, isOutput ? '}}' : '%}');
    const inner = source.slice(open, end);
    out += isOutput ? filtered(inner, filterOf(place, json.inside)) : inner;
    at = end;
  }
  return out;
}

const filterOf = (place: Place, inString: boolean): string =>
  place === 'json' && inString ? 'sluice_json_text' : `sluice_${place}`;

function nextOpening(source: string, from: number): number {
  const found = /\{[{%]/g;
  found.lastIndex = from;
  return found.exec(source)?.index ?? source.length;
}

/** After the delimiter that ends what begins at `from`; one within quotes ends nothing. */
function closingOf(source: string, from: number, delimiter: string): number {
  let quote = '';
  for (let at = from; at < source.length; at++) {
    const sign = source[at]!;
    if (quote !== '') quote = sign === quote ? '' : quote;
    else if (sign === '"' || sign === "'") quote = sign;
    else if (source.startsWith(delimiter, at)) return at + 2;
  }
  return source.length;
}

/** `{{ name }}`, also with the dashes that take white space away. */
const filtered = (output: string, filter: string): string =>
  output.replace(/(-?\}\})$/, (end) => ` | ${filter} ${end}`);

/** Does a text of JSON stand within a string? */
class StringWatch {
  inside = false;
  #escaped = false;

  follow(text: string): void {
    for (const sign of text) {
      if (this.#escaped) this.#escaped = false;
      else if (this.inside && sign === '\\') this.#escaped = true;
      else if (sign === '"') this.inside = !this.inside;
    }
  }
}
