import * as applying from './applying-keywords.ts';
import * as arrays from './array-keywords.ts';
import { allOf, isMembers, type Keyword, type Schema, type SchemaScope } from './keywords.ts';
import * as objects from './object-keywords.ts';
import { addEvaluated, type Check, type Resource } from './run.ts';
import * as scalars from './scalar-keywords.ts';
import { SchemaProblem, type SchemaDialect } from './schema-dialect.ts';
import type { SchemaDocuments } from './schema-documents.ts';
import { SearchPattern } from './search-pattern.ts';

/** In the order they are asked: what is cheap and says most first. */
const keywords: readonly Keyword[] = [
  applying.reference,
  applying.dynamicReference,
  scalars.type,
  scalars.enumeration,
  scalars.constant,
  scalars.minimum,
  scalars.maximum,
  scalars.exclusiveMinimum,
  scalars.exclusiveMaximum,
  scalars.multipleOf,
  scalars.maxLength,
  scalars.minLength,
  scalars.format,
  scalars.pattern,
  arrays.minItems,
  arrays.maxItems,
  objects.minProperties,
  objects.maxProperties,
  objects.required,
  objects.dependentRequired,
  objects.propertyNames,
  objects.properties,
  arrays.items,
  arrays.contains,
  arrays.uniqueItems,
  applying.everyOf,
  applying.anyOf,
  applying.oneOf,
  applying.not,
  applying.condition,
  objects.dependentSchemas,
];
/** What looks at what all others have left. */
const lastKeywords: readonly Keyword[] = [objects.unevaluatedProperties, arrays.unevaluatedItems];

export interface CompileOptions {
  readonly dialect: SchemaDialect;
  readonly direction?: 'request' | 'answer' | null;
  /** False: `format` says nothing. */
  readonly formats?: boolean;
}

interface Made {
  check: Check | null;
  /** It is being made, or was; before, it waits. */
  isBegun: boolean;
}

const anything: Check = () => true;
const nothing: Check = (value, run) => run.refuse('false', 'nothing here', value);

/** Makes schemas of some documents ready, each once. What one schema leads to in circles is made once, too. */
export class SchemaCompiler implements SchemaScope {
  readonly dialect: SchemaDialect;
  readonly direction: 'request' | 'answer' | null;
  readonly formats: boolean;
  readonly #documents: SchemaDocuments;
  readonly #made = new Map<object, Made>();
  readonly #resources = new Map<object, Resource>();
  readonly #patterns = new Map<string, SearchPattern>();
  readonly #path: (string | number)[] = [];
  /** References wait here: followed at once, a long chain of them would exhaust the stack. */
  readonly #waiting: { readonly schema: object; readonly path: readonly (string | number)[] }[] = [];

  constructor(documents: SchemaDocuments, options: CompileOptions) {
    this.#documents = documents;
    this.dialect = options.dialect;
    this.direction = options.direction ?? null;
    this.formats = options.formats ?? true;
  }

  /** @throws SchemaProblem with the place of what cannot be used. */
  compile(schema: unknown, path: readonly (string | number)[] = []): Check {
    this.#path.splice(0, Infinity, ...path);
    const check = this.#checkOf(schema);
    for (let next = this.#waiting.pop(); next; next = this.#waiting.pop()) {
      this.#path.splice(0, Infinity, ...next.path);
      this.#checkOf(next.schema);
    }
    return check;
  }

  sub(schema: unknown, ...steps: readonly (string | number)[]): Check {
    const { length } = this.#path;
    this.#path.push(...steps);
    const check = this.#checkOf(schema);
    this.#path.length = length;
    return check;
  }

  ref(reference: string, from: Schema): Check {
    const target = this.#resolve(reference, from);
    if (typeof target === 'boolean') return target ? anything : nothing;
    const check = this.#later(target);
    return (value, run) => run.enter(check, value);
  }

  dynamicRef(reference: string, from: Schema): Check {
    const target = this.#resolve(reference, from);
    const check = this.ref(reference, from);
    const name = reference.slice(reference.indexOf('#') + 1);
    // Without an anchor of this kind at its first target it is a reference like any other (§8.2.3.2).
    if (typeof target === 'boolean' || (target as Schema)['$dynamicAnchor'] !== name) return check;
    return (value, run) => {
      const outermost = run.scope.find(({ dynamicAnchors }) => dynamicAnchors.has(name));
      const chosen = outermost?.dynamicAnchors.get(name);
      return chosen ? run.enter(chosen, value) : check(value, run);
    };
  }

  follow(schema: unknown): unknown {
    let found = schema;
    for (let steps = 0; steps < 20 && isMembers(found) && typeof found['$ref'] === 'string'; steps++)
      found = this.#resolve(found['$ref'], found);
    return found;
  }

  pattern(source: unknown): SearchPattern {
    if (typeof source !== 'string') return this.problem('pattern: expected a text');
    let known = this.#patterns.get(source);
    if (known) return known;
    try {
      known = new SearchPattern(source);
    } catch (error) {
      return this.problem(
        `the pattern "${source.slice(0, 100)}" cannot be held in linear time: ${(error as Error).message}`,
      );
    }
    this.#patterns.set(source, known);
    return known;
  }

  problem(message: string): never {
    const place = this.#path.map((step) => String(step).replaceAll('~', '~0').replaceAll('/', '~1'));
    throw new SchemaProblem(place.length === 0 ? message : `at /${place.join('/')}: ${message}`);
  }

  #resolve(reference: string, from: Schema): object | boolean {
    try {
      return this.#documents.resolve(reference, from);
    } catch (error) {
      if (error instanceof SchemaProblem) return this.problem(`$ref: ${error.message}`);
      throw error;
    }
  }

  #later(schema: object): Check {
    let made = this.#made.get(schema);
    if (!made) {
      made = { check: null, isBegun: false };
      this.#made.set(schema, made);
      this.#waiting.push({ schema, path: [...this.#path] });
    }
    return checkOf(made);
  }

  #checkOf(schema: unknown): Check {
    if (schema === true) return anything;
    if (schema === false) return nothing;
    if (!isMembers(schema)) return this.problem('expected a schema: an object, true or false');
    let made = this.#made.get(schema);
    if (!made) this.#made.set(schema, (made = { check: null, isBegun: false }));
    if (!made.isBegun) {
      made.isBegun = true;
      made.check = this.#entering(schema, this.#make(schema));
    }
    return checkOf(made);
  }

  #make(schema: Schema): Check {
    // Older drafts read nothing beside a reference.
    if (typeof schema['$ref'] === 'string' && this.dialect !== '2020-12')
      return applying.reference(schema, this)!;
    const make = (list: readonly Keyword[]) =>
      list.map((keyword) => keyword(schema, this)).filter((check) => check !== null);
    const checks = make(keywords);
    const last = make(lastKeywords);
    if (checks.length + last.length === 0) return anything;
    const all = allOf([...checks, ...last]);
    if (last.length === 0) return all;
    return (value, run) => {
      const outer = run.evaluated;
      const own = { names: new Set<string>(), indexes: new Set<number>() };
      run.evaluated = own;
      const holds = all(value, run);
      run.evaluated = outer;
      if (outer) addEvaluated(outer, own);
      return holds;
    };
  }

  /** Where dynamic anchors can choose, it is known which resources a value has come through. */
  #entering(schema: Schema, check: Check): Check {
    const anchors = this.#documents.dynamicAnchorsOf(schema);
    if (anchors.size === 0) return check;
    const key = this.#documents.resourceKey(schema)!;
    let resource = this.#resources.get(key);
    if (!resource) {
      resource = { dynamicAnchors: new Map() };
      this.#resources.set(key, resource);
      for (const [name, anchored] of anchors) resource.dynamicAnchors.set(name, this.#later(anchored));
    }
    const entered = resource;
    return (value, run) => {
      if (run.scope.at(-1) === entered) return check(value, run);
      run.scope.push(entered);
      const holds = check(value, run);
      run.scope.pop();
      return holds;
    };
  }
}

/** Of one that is still to be made, it is looked up when a value comes. */
const checkOf = (made: Made): Check => made.check ?? ((value, run) => made.check!(value, run));
