/** Something wrong with a configuration, and where. */
export interface ConfigProblem {
  /** `routes[0].match.path` */
  readonly path: string;
  readonly message: string;
  /** From 1; 0 where the place in the text is not known. */
  readonly line: number;
  readonly column: number;
}

export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], source: string) {
    super(problems.map((problem) => renderProblem(problem, source)).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
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

/** Levenshtein's distance; long names are compared by their beginnings. */
function editDistance(a: string, b: string): number {
  const [s, t] = [a.slice(0, 64), b.slice(0, 64)];
  let row = Array.from({ length: t.length + 1 }, (_, i) => i);
  for (let i = 1; i <= s.length; i++) {
    const next = [i];
    for (let j = 1; j <= t.length; j++) {
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (s[i - 1] === t[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[t.length]!;
}
