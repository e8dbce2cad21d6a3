import type { CallLine, Dialect, Operation } from '#core/contracts/dialect.ts';

/** An operation that a request may be asking for, and what its path says. */
export interface Asked {
  readonly dialect: Dialect;
  readonly line: CallLine;
}

interface Owner {
  readonly dialect: Dialect;
  readonly operation: Operation;
}

interface Pattern extends Owner {
  readonly expression: RegExp;
  readonly names: readonly string[];
}

/**
 * Which dialects own a method and path. A path whose first segment is the name of a family (`/anthropic/v1/models`) is that
 * family's alone.
 */
export class OperationIndex {
  readonly #families = new Map<string, Dialect>();
  /** Paths without names: nearly every call's. */
  readonly #exact = new Map<string, Owner[]>();
  readonly #patterns = new Map<string, Pattern[]>();

  constructor(dialects: Iterable<Dialect>) {
    for (const dialect of dialects) {
      if (!this.#families.has(dialect.family)) this.#families.set(dialect.family, dialect);
      for (const operation of dialect.client.operations) this.#add({ dialect, operation });
    }
  }

  #add(owner: Owner): void {
    const { method, path } = owner.operation;
    if (path.includes('{')) push(this.#patterns, method, { ...owner, ...compile(path) });
    else push(this.#exact, `${method} ${path}`, owner);
  }

  /** In the dialects' order; empty when nobody has such a path. */
  find(method: string, path: string, query: string): Asked[] {
    const found = this.#below(method, path, query);
    if (found.length > 0) return found;
    const family = this.familyOf(path);
    if (!family) return found;
    return this.#below(method, path.slice(family.family.length + 1), query).filter(
      ({ dialect }) => dialect.family === family.family,
    );
  }

  /** The first dialect of the family that a path's first segment names. */
  familyOf(path: string): Dialect | null {
    const slash = path.indexOf('/', 1);
    return slash < 0 ? null : (this.#families.get(path.slice(1, slash)) ?? null);
  }

  #below(method: string, path: string, query: string): Asked[] {
    const exact = this.#exact.get(`${method} ${path}`);
    if (exact)
      return exact.map(({ dialect, operation }) => ({ dialect, line: { operation, parameters: {}, query } }));
    const found: Asked[] = [];
    for (const { dialect, operation, expression, names } of this.#patterns.get(method) ?? []) {
      const match = expression.exec(path);
      const parameters = match && parametersOf(names, match);
      if (parameters) found.push({ dialect, line: { operation, parameters, query } });
    }
    return found;
  }
}

function push<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}

/** Every name is followed by other text than it may hold, or by the end: matching takes linear time. */
function compile(path: string): Pick<Pattern, 'expression' | 'names'> {
  const names: string[] = [];
  const source = path.replaceAll(
    /\{(\+?)(\w+)\}|[.*+?^${}()|[\]\\]/g,
    (text, plus: string, name?: string) => {
      if (name === undefined) return `\\${text}`;
      names.push(name);
      return plus ? '(.+)' : '([^/]+)';
    },
  );
  return { expression: new RegExp(`^${source}$`), names };
}

/** Null where an escape is none (RFC 3986 §2.1). */
function parametersOf(names: readonly string[], match: RegExpExecArray): Record<string, string> | null {
  const parameters: Record<string, string> = {};
  try {
    for (const [i, name] of names.entries()) parameters[name] = decodeURIComponent(match[i + 1]!);
  } catch {
    return null;
  }
  return parameters;
}
