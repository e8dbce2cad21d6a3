import { parseLinearPattern, type PatternGraph } from './parse-linear-pattern.ts';

/** Sets of states that are remembered for one pattern; beyond, they are found anew. */
const maxRemembered = 500;

interface State {
  /** Steps that take a character. */
  readonly steps: readonly number[];
  readonly accepts: boolean;
  /** Where each class of characters leads. */
  readonly next: (State | null)[];
}

/**
 * A regular expression held against a whole text, in time linear in the text whatever the pattern: it walks all of its
 * possibilities at once (Thompson's construction, its sets of states remembered) and never goes back.
 */
export class LinearPattern {
  readonly source: string;
  /** What every text it matches begins with. */
  readonly prefix: string;
  readonly #graph: PatternGraph;
  /** Where one class of characters ends and the next begins. */
  readonly #bounds: readonly number[];
  readonly #classOfAscii: Uint16Array;
  #states = new Map<string, State>();
  #start: State;

  /** @throws SyntaxError */
  constructor(source: string) {
    this.source = source;
    this.#graph = parseLinearPattern(source);
    const bounds = new Set([0]);
    for (const step of this.#graph.steps) {
      if (!('ranges' in step)) continue;
      for (let i = 0; i < step.ranges.length; i += 2) {
        bounds.add(step.ranges[i]!);
        bounds.add(step.ranges[i + 1]! + 1);
      }
    }
    this.#bounds = [...bounds].sort((a, b) => a - b);
    this.#classOfAscii = Uint16Array.from({ length: 128 }, (_, unit) => this.#search(unit));
    this.#start = this.#stateOf([this.#graph.start]);
    this.prefix = this.#prefix();
  }

  matches(text: string): boolean {
    let state = this.#start;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      const index = unit < 128 ? this.#classOfAscii[unit]! : this.#search(unit);
      state = state.next[index] ?? this.#step(state, index);
      if (state.steps.length === 0 && !state.accepts) return false;
    }
    return state.accepts;
  }

  /** Length of the longest match that begins at `from` and has at most `most` characters; 0: there is none. */
  longestAt(text: string, from: number, most: number): number {
    let state = this.#start;
    let longest = 0;
    const end = Math.min(text.length, from + most);
    for (let i = from; i < end; i++) {
      const unit = text.charCodeAt(i);
      const index = unit < 128 ? this.#classOfAscii[unit]! : this.#search(unit);
      state = state.next[index] ?? this.#step(state, index);
      if (state.accepts) longest = i + 1 - from;
      if (state.steps.length === 0) break;
    }
    return longest;
  }

  #search(unit: number): number {
    let low = 0;
    let high = this.#bounds.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#bounds[middle]! <= unit) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #step(state: State, index: number): State {
    const unit = this.#bounds[index]!;
    const reached: number[] = [];
    for (const at of state.steps) {
      const step = this.#graph.steps[at]!;
      if ('ranges' in step && holds(step.ranges, unit)) reached.push(step.next);
    }
    const next = this.#stateOf(reached);
    state.next[index] = next;
    return next;
  }

  #stateOf(roots: readonly number[]): State {
    const steps: number[] = [];
    const seen = new Set<number>();
    let accepts = false;
    const open = [...roots];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      const step = this.#graph.steps[at]!;
      if ('forks' in step) open.push(...step.forks);
      else if ('end' in step) accepts = true;
      else steps.push(at);
    }
    steps.sort((a, b) => a - b);
    const key = `${accepts ? '+' : '-'}${steps.join(',')}`;
    const known = this.#states.get(key);
    if (known) return known;
    const state = { steps, accepts, next: new Array<State | null>(this.#bounds.length).fill(null) };
    if (this.#states.size >= maxRemembered) this.#forget();
    this.#states.set(key, state);
    return state;
  }

  /** The start must not keep what was reached from it alive. */
  #forget(): void {
    this.#states = new Map();
    this.#start = { ...this.#start, next: this.#start.next.map(() => null) };
  }

  #prefix(): string {
    let prefix = '';
    let state = this.#start;
    while (prefix.length < 256 && !state.accepts) {
      const units = new Set<number>();
      for (const at of state.steps) {
        const step = this.#graph.steps[at]!;
        if (!('ranges' in step)) continue;
        const [low, high] = step.ranges;
        if (step.ranges.length !== 2 || low !== high) return prefix;
        units.add(low!);
      }
      if (units.size !== 1) return prefix;
      const [unit] = units;
      prefix += String.fromCharCode(unit!);
      state = this.#step(state, this.#search(unit!));
    }
    return prefix;
  }
}

function holds(ranges: readonly number[], unit: number): boolean {
  for (let i = 0; i < ranges.length; i += 2) if (unit >= ranges[i]! && unit <= ranges[i + 1]!) return true;
  return false;
}
