import { decodedSegment, matchSegment, parseSegments, type Segment } from './segments.ts';

interface Node<T> {
  readonly literal: Map<string, Node<T>>;
  /** Segments with a parameter and something beside it, the one with most beside it first. */
  readonly mixed: { readonly segment: Segment; readonly node: Node<T> }[];
  any: Node<T> | null;
  /** By method, of templates that end here. */
  readonly operations: Map<string, { readonly operation: T; readonly names: readonly string[] }>;
}

const emptyNode = <T>(): Node<T> => ({ literal: new Map(), mixed: [], any: null, operations: new Map() });

export interface FoundOperation<T> {
  readonly operation: T;
  /** Of the path, by name, as they stand in it with their escapes. */
  readonly values: ReadonlyMap<string, string>;
}

/** Operations by path template and method. What is written out goes before what is not (OpenAPI 3.1 §4.8.8.2). */
export class OperationPaths<T> {
  readonly #root = emptyNode<T>();

  /** `template` begins with a slash; `method` is in upper case. Of two that are alike the first counts. */
  add(template: string, method: string, operation: T): void {
    let node = this.#root;
    const names: string[] = [];
    for (const segment of parseSegments(template)) {
      names.push(...segment.names);
      node = below(node, segment);
    }
    if (!node.operations.has(method)) node.operations.set(method, { operation, names });
  }

  /** The operation; else the methods that the path takes, none where it is not known. */
  find(method: string, path: string): FoundOperation<T> | { readonly allowed: readonly string[] } {
    const segments = path.slice(1).split('/');
    const allowed = new Set<string>();
    const found = this.#walk(this.#root, { segments, method, allowed }, 0, []);
    return found ?? { allowed: [...allowed] };
  }

  #walk(
    node: Node<T>,
    wish: { readonly segments: readonly string[]; readonly method: string; readonly allowed: Set<string> },
    at: number,
    values: readonly string[],
  ): FoundOperation<T> | null {
    const segment = wish.segments[at];
    if (segment === undefined) {
      const line =
        node.operations.get(wish.method) ?? (wish.method === 'HEAD' ? node.operations.get('GET') : undefined);
      if (line)
        return {
          operation: line.operation,
          values: new Map(line.names.map((name, i) => [name, values[i]!])),
        };
      for (const method of node.operations.keys()) wish.allowed.add(method);
      return null;
    }
    const literal = node.literal.get(decodedSegment(segment));
    const exact = literal && this.#walk(literal, wish, at + 1, values);
    if (exact) return exact;
    for (const { segment: template, node: next } of node.mixed) {
      const own = matchSegment(template, segment);
      const found = own && this.#walk(next, wish, at + 1, [...values, ...own]);
      if (found) return found;
    }
    return node.any && segment !== '' ? this.#walk(node.any, wish, at + 1, [...values, segment]) : null;
  }
}

function below<T>(node: Node<T>, segment: Segment): Node<T> {
  const { texts, names } = segment;
  if (names.length === 0) {
    let next = node.literal.get(texts[0]!);
    if (!next) node.literal.set(texts[0]!, (next = emptyNode()));
    return next;
  }
  if (names.length === 1 && texts[0] === '' && texts[1] === '') return (node.any ??= emptyNode());
  const known = node.mixed.find((each) => each.segment.texts.join('\n') === texts.join('\n'));
  if (known) return known.node;
  const next = emptyNode<T>();
  node.mixed.push({ segment, node: next });
  const beside = (each: Segment) => each.texts.join('').length;
  node.mixed.sort((a, b) => beside(b.segment) - beside(a.segment));
  return next;
}
