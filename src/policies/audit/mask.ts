import type { ContentMasker } from '#core/contracts/audit.ts';
import { LinearPattern } from '#core/linear-pattern.ts';

/** What stands where something was left out. */
export const masked = '[masked]';

/** Longer matches are not looked for: so the time stays linear in the text. */
export const longestMatch = 1024;

export interface MaskSettings {
  readonly fields?: readonly string[];
  readonly patterns?: readonly string[];
}

/** Takes out of content what must not be recorded. */
export class Mask {
  readonly #fields: ReadonlySet<string>;
  readonly #patterns: readonly LinearPattern[];
  readonly #others: readonly ContentMasker[];

  /** @throws SyntaxError for a pattern that is none. */
  constructor({ fields = [], patterns = [] }: MaskSettings, others: readonly ContentMasker[] = []) {
    this.#fields = new Set(fields.map((field) => field.toLowerCase()));
    this.#patterns = patterns.map((source) => new LinearPattern(source));
    this.#others = others;
  }

  /** A value of JSON, with its members and texts masked. */
  value(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.value(item));
    if (typeof value !== 'object' || value === null) return value;
    const members = Object.entries(value).map(([name, member]): [string, unknown] => [
      name,
      this.#fields.has(name.toLowerCase()) ? masked : this.value(member),
    ]);
    return Object.fromEntries(members);
  }

  /** Text that may be JSON: what is broken off cannot be searched for members, and is left out where there are some to hide. */
  json(text: string, limit: number): string {
    if (this.#fields.size === 0) return this.text(text, Math.min(limit, text.length));
    try {
      return JSON.stringify(this.value(JSON.parse(text))).slice(0, limit);
    } catch {
      return text === '' ? '' : masked;
    }
  }

  /** @param limit Characters of the text after which nothing is given any more; a match across it is masked as a whole. */
  text(text: string, limit = text.length): string {
    let shown = text;
    let end = limit;
    for (const pattern of this.#patterns) {
      const result = replaceMatches(pattern, shown, end);
      shown = result.text;
      end = result.end;
    }
    shown = shown.slice(0, end);
    for (const other of this.#others) shown = other.mask(shown);
    return shown;
  }
}

/** `end`: where the limit is now. */
function replaceMatches(pattern: LinearPattern, text: string, limit: number): { text: string; end: number } {
  let shown = '';
  let kept = 0;
  let end = limit;
  for (let at = nextStart(pattern, text, 0); at >= 0 && at < limit;) {
    const length = pattern.longestAt(text, at, longestMatch);
    if (length === 0) {
      at = nextStart(pattern, text, at + 1);
      continue;
    }
    shown += text.slice(kept, at) + masked;
    kept = at + length;
    end += masked.length - Math.min(length, limit - at);
    at = nextStart(pattern, text, kept);
  }
  return { text: shown + text.slice(kept), end };
}

/** Where a match may begin. -1: nowhere any more. */
function nextStart({ prefix }: LinearPattern, text: string, from: number): number {
  if (prefix !== '') return text.indexOf(prefix, from);
  return from < text.length ? from : -1;
}
