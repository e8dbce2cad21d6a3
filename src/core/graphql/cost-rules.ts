import type { FieldNode, OperationType } from './document.ts';
import { usualRoots, type GraphqlSchema } from './schema.ts';

/**
 * What operations cost, in units of the operator's own: a field that is an object costs 1, or what its type weighs, for each that
 * a list may hold, and what stands in it. So count IBM's specification (https://ibm.github.io/graphql-specs/cost-spec.html) and
 * those made after it.
 */
export interface CostRules {
  /** By `Type.field` and `*.field` what asking for a field costs; by `Type` what each object or value of it costs. */
  readonly weights: Readonly<Record<string, number>>;
  /** Arguments that say how many a list has at most. */
  readonly sizes: readonly string[];
  /** How many a list is taken to have that does not say. */
  readonly listSize: number;
  /** What an operation costs by itself. */
  readonly base: Readonly<Record<OperationType, number>>;
}

export const usualCosts: CostRules = {
  weights: {},
  sizes: ['first', 'last', 'limit'],
  listSize: 10,
  base: { query: 0, mutation: 10, subscription: 0 },
};

/** Numbers by the names of variables: those that were sent, and those that stand for them. */
export type NumberOf = (variable: string) => number | null;

/** Larger figures are as good as this one. */
export const most = Number.MAX_SAFE_INTEGER;
/** NaN, which an infinity times nothing is, counts as much as can be. */
export const bounded = (figure: number): number => (figure < most ? figure : most);

export interface FieldPrice {
  /** For asking. */
  readonly once: number;
  /** For each that comes, without what stands in it. */
  readonly each: number;
  /** How many come. */
  readonly size: number;
  /** How many times what stands in it is paid. */
  readonly within: number;
  /** Null: nobody knows it. */
  readonly type: string | null;
  /** The lists in it have the size that it says itself, as a page's `edges` have. */
  readonly isPage: boolean;
}

/** What fields cost under some rules, and a schema where there is one. */
export class FieldPrices {
  readonly rules: CostRules;
  readonly schema: GraphqlSchema | null;

  constructor(rules: CostRules, schema: GraphqlSchema | null) {
    this.rules = rules;
    this.schema = schema;
  }

  rootOf(type: OperationType): string {
    return (this.schema ?? usualRoots)[type];
  }

  /** `inPage`: it stands in a field that says the size of its lists. */
  priceOf(
    field: FieldNode,
    parent: string | null,
    { inPage, numberOf }: { readonly inPage: boolean; readonly numberOf: NumberOf },
  ): FieldPrice {
    const { weights } = this.rules;
    const known = this.#typeOf(parent, field.name);
    const type = known?.type ?? null;
    const said = this.#saidSize(field, known?.defaults, numberOf);
    const isList = known ? known.list : said !== null;
    const size = !isList ? 1 : (said ?? (inPage ? 1 : this.rules.listSize));
    const isPage = !isList && said !== null;
    return {
      once: weights[`${parent ?? '*'}.${field.name}`] ?? weights[`*.${field.name}`] ?? 0,
      each: (type === null ? undefined : weights[type]) ?? (field.selections ? 1 : 0),
      size,
      within: isPage ? said : size,
      type,
      isPage,
    };
  }

  #typeOf(parent: string | null, field: string) {
    if (!this.schema || parent === null || !Object.hasOwn(this.schema.types, parent)) return null;
    const fields = this.schema.types[parent]!;
    return Object.hasOwn(fields, field) ? fields[field]! : null;
  }

  /** Of several the largest; null: it does not say. What is no number of things, such as -1, says nothing. */
  #saidSize(
    field: FieldNode,
    defaults: Readonly<Record<string, number>> | undefined,
    numberOf: NumberOf,
  ): number | null {
    let said: number | null = null;
    for (const name of this.rules.sizes) {
      let given = false;
      for (const [argument, value] of field.arguments ?? []) {
        if (argument !== name) continue;
        const number =
          value.kind === 'number' ? value.value : value.kind === 'variable' ? numberOf(value.name) : null;
        if (number === null) continue;
        given = true;
        if (number >= 0) said = Math.max(said ?? 0, Math.ceil(number));
      }
      if (!given && defaults && Object.hasOwn(defaults, name) && defaults[name]! >= 0)
        said = Math.max(said ?? 0, defaults[name]!);
    }
    return said;
  }
}
