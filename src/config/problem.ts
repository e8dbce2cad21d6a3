import { placesIn, type Path, type Place } from './places.ts';

/** Something wrong with a configuration, and where. */
export interface ConfigProblem extends Place {
  readonly message: string;
}

export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], source: string) {
    super(problems.map((problem) => renderProblem(problem, source)).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** As they stand in the text. */
export const byPlace = (a: Place, b: Place): number => a.line - b.line || a.column - b.column;

/** Collects what is wrong with a document that was read already, so that all of it can be said at once. */
export class Problems {
  readonly #found: { readonly path: Path; readonly message: string }[] = [];
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  add(path: Path, message: string): void {
    this.#found.push({ path, message });
  }

  /** @throws ConfigError if there are any. */
  throwIfAny(source: string): void {
    if (this.#found.length === 0) return;
    const place = placesIn(this.#text);
    const problems = this.#found.map(({ path, message }) => ({ ...place(path), message }));
    throw new ConfigError(problems.sort(byPlace), source);
  }
}

export function renderProblem({ path, message, line, column }: ConfigProblem, source: string): string {
  const place = line > 0 ? `${source}:${line}:${column}` : source;
  return `${place}: ${path === '' ? '' : `${path}: `}${message}`;
}

/** The name most like the one given, if any is alike: "did you mean". */
export function mostLike(given: string, names: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(given.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(given.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

export function didYouMean(given: string, names: Iterable<string>): string {
  const known = [...names];
  const best = mostLike(given, known);
  if (best !== null) return `; did you mean "${best}"?`;
  return known.length ? `; known are ${known.slice(0, 20).join(', ')}` : '';
}

/** Edits between two names, a swap of neighbours being one; long names are compared by their beginnings. */
function editDistance(a: string, b: string): number {
  const [s, t] = [a.slice(0, 64), b.slice(0, 64)];
  let beforeLast: number[] = [];
  let last = Array.from({ length: t.length + 1 }, (_, j) => j);
  for (let i = 1; i <= s.length; i++) {
    const row = [i];
    for (let j = 1; j <= t.length; j++) {
      const replaced = last[j - 1]! + (s[i - 1] === t[j - 1] ? 0 : 1);
      const swapped = s[i - 1] === t[j - 2] && s[i - 2] === t[j - 1] ? beforeLast[j - 2]! + 1 : Infinity;
      row[j] = Math.min(row[j - 1]! + 1, last[j]! + 1, replaced, i > 1 && j > 1 ? swapped : Infinity);
    }
    beforeLast = last;
    last = row;
  }
  return last[t.length]!;
}
