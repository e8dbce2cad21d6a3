import { bounded, type FieldPrices, type NumberOf } from './cost-rules.ts';
import type { FieldNode, FragmentNode, GraphqlDocument, OperationNode, Selection } from './document.ts';
import { GraphqlError } from './graphql-error.ts';

/** How much an operation asks for. What stands in a fragment counts wherever that is spread; nothing is merged or skipped. */
export interface Measures {
  /** Fields in fields; one for those at the root. What stands in `__schema` and `__type` has a depth of its own. */
  readonly depth: number;
  readonly introspectionDepth: number;
  readonly fields: number;
  readonly rootFields: number;
  /** Fields of the widest selection. */
  readonly breadth: number;
  readonly aliases: number;
  readonly directives: number;
  /** Does it ask for `__schema` or `__type`? */
  readonly introspects: boolean;
  readonly cost: number;
  /** Of the fields at its root, by their names. Together with the operation's own cost they are all of it. */
  readonly rootCosts: ReadonlyMap<string, number>;
}

export interface MeasuredWith {
  readonly prices: FieldPrices;
  /** As they came; null where none did. */
  readonly variables: Readonly<Record<string, unknown>> | null;
}

/** Of a selection, whatever it stands in. */
interface Sums {
  depth: number;
  introspectionDepth: number;
  fields: number;
  width: number;
  breadth: number;
  aliases: number;
  directives: number;
  introspects: boolean;
  cost: number;
}

/** So deep fragments and selections may stand in one another. */
const mostLevels = 500;

/**
 * Measures an operation in time that grows with its document's length alone: each fragment is measured once.
 * @throws GraphqlError for fragments that are not there, or stand in themselves.
 */
export function measureOperation(
  document: GraphqlDocument,
  operation: OperationNode,
  { prices, variables }: MeasuredWith,
): Measures {
  const numberOf: NumberOf = (name) => {
    const sent = variables && Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (sent === undefined) return operation.variables.get(name) ?? null;
    // Some servers take numbers that are written as strings.
    const number = typeof sent === 'string' && sent.trim() !== '' ? Number(sent) : sent;
    return typeof number === 'number' && !Number.isNaN(number) ? number : null;
  };
  const measurer = new Measurer(document.fragments, prices, numberOf);
  const root = prices.rootOf(operation.type);
  const { width, ...sums } = measurer.sums(operation.selections, root, false);
  const base = prices.rules.base[operation.type];
  return {
    ...sums,
    rootFields: width,
    directives: bounded(sums.directives + operation.directives),
    cost: bounded(sums.cost + base),
    rootCosts: measurer.rootCosts(operation.selections, root),
  };
}

class Measurer {
  readonly #fragments: ReadonlyMap<string, FragmentNode>;
  readonly #prices: FieldPrices;
  readonly #numberOf: NumberOf;
  /** Of fragments, outside of a page and in one; null while one is measured. */
  readonly #known = [new Map<string, Sums | null>(), new Map<string, Sums | null>()] as const;
  #level = 0;

  constructor(fragments: ReadonlyMap<string, FragmentNode>, prices: FieldPrices, numberOf: NumberOf) {
    this.#fragments = fragments;
    this.#prices = prices;
    this.#numberOf = numberOf;
  }

  sums(selections: readonly Selection[], parent: string | null, inPage: boolean): Sums {
    if (++this.#level > mostLevels)
      throw new GraphqlError('nesting', `Fragments and selections stand in one another ${mostLevels} deep.`);
    const sums: Sums = {
      depth: 0,
      introspectionDepth: 0,
      fields: 0,
      width: 0,
      breadth: 0,
      aliases: 0,
      directives: 0,
      introspects: false,
      cost: 0,
    };
    for (const selection of selections) {
      sums.directives += selection.directives;
      if (selection.kind === 'field') this.#addField(sums, selection, { parent, inPage });
      else if (selection.kind === 'inline')
        add(sums, this.sums(selection.selections, selection.on ?? parent, inPage));
      else add(sums, this.#fragment(selection.name, inPage));
    }
    sums.breadth = Math.max(sums.breadth, sums.width);
    this.#level--;
    return sums;
  }

  #addField(sums: Sums, field: FieldNode, at: { readonly parent: string | null; readonly inPage: boolean }) {
    sums.width = bounded(sums.width + 1);
    sums.fields = bounded(sums.fields + 1);
    if (field.aliased) sums.aliases++;
    const { type, ...price } = this.#prices.priceOf(field, at.parent, {
      inPage: at.inPage,
      numberOf: this.#numberOf,
    });
    const inner = field.selections ? this.sums(field.selections, type, price.isPage) : null;
    sums.cost = bounded(sums.cost + costOf(price, inner));
    const isIntrospection = field.name === '__schema' || field.name === '__type';
    if (isIntrospection) sums.introspects = true;
    const depth = inner ? inner.depth + 1 : 1;
    const innerIntrospection = inner && inner.introspectionDepth > 0 ? inner.introspectionDepth + 1 : 0;
    if (isIntrospection) {
      sums.depth = Math.max(sums.depth, 1);
      sums.introspectionDepth = Math.max(sums.introspectionDepth, depth, innerIntrospection);
    } else {
      sums.depth = Math.max(sums.depth, depth);
      sums.introspectionDepth = Math.max(sums.introspectionDepth, innerIntrospection);
    }
    if (!inner) return;
    addInner(sums, inner);
  }

  #fragment(name: string, inPage: boolean): Sums {
    const known = this.#known[inPage ? 1 : 0];
    const before = known.get(name);
    if (before) return before;
    if (before === null)
      throw new GraphqlError('fragments', `The fragment "${name.slice(0, 100)}" stands in itself.`);
    const fragment = this.#fragments.get(name);
    if (!fragment)
      throw new GraphqlError('fragments', `There is no fragment "${name.slice(0, 100)}" in the document.`);
    known.set(name, null);
    const sums = this.sums(fragment.selections, fragment.on, inPage);
    sums.directives = bounded(sums.directives + fragment.directives);
    // In the order in which they were done.
    known.delete(name);
    known.set(name, sums);
    return sums;
  }

  /** What the fields at the root cost, after `sums` has measured all fragments. */
  rootCosts(selections: readonly Selection[], root: string): Map<string, number> {
    const costs = new Map<string, number>();
    /** How often fragments are spread at the root. */
    const times = new Map<string, number>();
    const take = (among: readonly Selection[], parent: string | null, factor: number): void => {
      for (const selection of among) {
        if (selection.kind === 'spread')
          times.set(selection.name, bounded((times.get(selection.name) ?? 0) + factor));
        else if (selection.kind === 'inline') take(selection.selections, selection.on ?? parent, factor);
        else {
          const cost = this.#costOf(selection, parent);
          costs.set(selection.name, bounded((costs.get(selection.name) ?? 0) + factor * cost));
        }
      }
    };
    take(selections, root, 1);
    // A fragment is done before those that spread it: so all that spread one come before it here.
    for (const name of Array.from(this.#known[0].keys()).reverse()) {
      const factor = times.get(name);
      const fragment = this.#fragments.get(name)!;
      if (factor !== undefined) take(fragment.selections, fragment.on, factor);
    }
    return costs;
  }

  #costOf(field: FieldNode, parent: string | null): number {
    const { type, ...price } = this.#prices.priceOf(field, parent, {
      inPage: false,
      numberOf: this.#numberOf,
    });
    return costOf(price, field.selections ? this.sums(field.selections, type, price.isPage) : null);
  }
}

function costOf(
  price: { once: number; each: number; size: number; within: number },
  inner: Sums | null,
): number {
  const own = bounded(price.once + bounded(price.size * price.each));
  // What costs nothing costs nothing however often.
  return inner && inner.cost > 0 ? bounded(own + bounded(price.within * inner.cost)) : own;
}

/** Adds what stands beside. */
function add(sums: Sums, beside: Sums): void {
  addInner(sums, beside);
  sums.depth = Math.max(sums.depth, beside.depth);
  sums.introspectionDepth = Math.max(sums.introspectionDepth, beside.introspectionDepth);
  sums.width = bounded(sums.width + beside.width);
  sums.cost = bounded(sums.cost + beside.cost);
}

/** Adds what counts wherever it stands. */
function addInner(sums: Sums, inner: Sums): void {
  sums.fields = bounded(sums.fields + inner.fields);
  sums.aliases = bounded(sums.aliases + inner.aliases);
  sums.directives = bounded(sums.directives + inner.directives);
  sums.breadth = Math.max(sums.breadth, inner.breadth);
  if (inner.introspects) sums.introspects = true;
}
