import { GraphqlError } from './graphql-error.ts';
import { Lexer } from './lexer.ts';
import { isObject } from '../read-json.ts';
import { usualRoots, type FieldType, type GraphqlSchema } from './schema.ts';

const mostTokens = 4_000_000;
type Types = Record<string, Record<string, FieldType>>;
type Roots = { -readonly [Name in keyof typeof usualRoots]: string };

/**
 * Reads a schema: in the schema definition language (GraphQL specification of October 2021, §3), or as the answer in JSON to an
 * introspection query. @throws GraphqlError for what is neither.
 */
export function parseSchema(text: string): GraphqlSchema {
  return /^\s*\{/.test(text) ? schemaOfAnswer(text) : new SchemaParser(text).schema();
}

class SchemaParser {
  readonly #lexer: Lexer;
  readonly #types: Types = Object.create(null) as Types;
  readonly #roots: Roots = { ...usualRoots };

  constructor(text: string) {
    this.#lexer = new Lexer(text, mostTokens);
  }

  schema(): GraphqlSchema {
    const lexer = this.#lexer;
    do {
      lexer.skip('string');
      if (lexer.is('extend')) lexer.next();
      this.#definition();
    } while (lexer.kind !== 'end');
    return schemaOf(this.#roots, this.#types);
  }

  #definition(): void {
    const lexer = this.#lexer;
    const what = lexer.take('name');
    switch (what) {
      case 'schema':
        this.#directives();
        if (lexer.skip('{')) while (!lexer.skip('}')) this.#root();
        return;
      case 'type':
      case 'interface': {
        const name = lexer.take('name');
        while (lexer.kind === 'name' || lexer.kind === '&') lexer.next();
        this.#directives();
        const fields = (this.#types[name] ??= Object.create(null) as Record<string, FieldType>);
        if (lexer.skip('{')) while (!lexer.skip('}')) this.#field(fields);
        return;
      }
      case 'union':
        this.#types[lexer.take('name')] ??= {};
        this.#directives();
        if (!lexer.skip('=')) return;
        lexer.skip('|');
        do lexer.take('name');
        while (lexer.skip('|'));
        return;
      case 'scalar':
        lexer.take('name');
        return this.#directives();
      case 'enum':
      case 'input':
        lexer.take('name');
        this.#directives();
        if (lexer.skip('{')) while (!lexer.skip('}')) this.#member();
        return;
      case 'directive':
        lexer.take('@');
        lexer.take('name');
        this.#parameters();
        while (!lexer.is('on')) lexer.take('name');
        lexer.next();
        lexer.skip('|');
        do lexer.take('name');
        while (lexer.skip('|'));
        return;
      default:
        throw new GraphqlError('syntax', `The schema has "${what.slice(0, 40)}" where a definition begins.`);
    }
  }

  #root(): void {
    const lexer = this.#lexer;
    const role = lexer.take('name');
    lexer.take(':');
    const type = lexer.take('name');
    if (Object.hasOwn(this.#roots, role)) this.#roots[role as keyof Roots] = type;
  }

  #field(fields: Record<string, FieldType>): void {
    const lexer = this.#lexer;
    lexer.skip('string');
    const name = lexer.take('name');
    const defaults = this.#parameters();
    lexer.take(':');
    const type = this.#type();
    this.#directives();
    fields[name] = { ...type, ...(defaults ? { defaults } : {}) };
  }

  /** Of an enum or an input. */
  #member(): void {
    const lexer = this.#lexer;
    lexer.skip('string');
    lexer.take('name');
    if (lexer.skip(':')) {
      this.#type();
      if (lexer.skip('=')) this.#value();
    }
    this.#directives();
  }

  /** The numbers that arguments have by themselves. */
  #parameters(): Record<string, number> | null {
    const lexer = this.#lexer;
    if (!lexer.skip('(')) return null;
    const defaults: Record<string, number> = {};
    do {
      lexer.skip('string');
      const name = lexer.take('name');
      lexer.take(':');
      this.#type();
      const preset = lexer.skip('=') ? this.#value() : null;
      if (preset !== null) defaults[name] = preset;
      this.#directives();
    } while (!lexer.skip(')'));
    return Object.keys(defaults).length > 0 ? defaults : null;
  }

  #type(): FieldType {
    const lexer = this.#lexer;
    let lists = 0;
    while (lexer.skip('[')) lists++;
    const list = lists > 0;
    const type = lexer.take('name');
    lexer.skip('!');
    for (; lists > 0; lists--) {
      lexer.take(']');
      lexer.skip('!');
    }
    return { type, list };
  }

  #directives(): void {
    const lexer = this.#lexer;
    while (lexer.skip('@')) {
      lexer.take('name');
      if (!lexer.skip('(')) continue;
      do {
        lexer.take('name');
        lexer.take(':');
        this.#value();
      } while (!lexer.skip(')'));
    }
  }

  /** A number; null of all else. */
  #value(): number | null {
    const lexer = this.#lexer;
    const number = lexer.kind === 'int' ? Number(lexer.text) : null;
    const isList = lexer.kind === '[';
    if (lexer.skip('[') || lexer.skip('{')) {
      const close = isList ? ']' : '}';
      while (!lexer.skip(close)) {
        if (!isList) {
          lexer.take('name');
          lexer.take(':');
        }
        this.#value();
      }
    } else if (['int', 'float', 'string', 'name'].includes(lexer.kind)) lexer.next();
    else throw lexer.unexpected('a value');
    return number;
  }
}

/** @throws GraphqlError where there is no type to begin with. */
function schemaOf(roots: Roots, types: Types): GraphqlSchema {
  if (!Object.hasOwn(types, roots.query))
    throw new GraphqlError('syntax', `The schema has no type "${roots.query}", which queries begin with.`);
  return { ...roots, types: { ...types } };
}

function schemaOfAnswer(text: string): GraphqlSchema {
  const wrong = new GraphqlError('syntax', 'The JSON is no answer to an introspection query.');
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw wrong;
  }
  const data = isObject(answer) && isObject(answer['data']) ? answer['data'] : answer;
  const said = isObject(data) ? data['__schema'] : null;
  if (!isObject(said) || !Array.isArray(said['types'])) throw wrong;
  const roots: Roots = { ...usualRoots };
  for (const role of ['query', 'mutation', 'subscription'] as const) {
    const root = said[`${role}Type`];
    if (isObject(root) && typeof root['name'] === 'string') roots[role] = root['name'];
  }
  const types: Types = Object.create(null) as Types;
  for (const type of said['types'] as unknown[]) {
    if (!isObject(type) || typeof type['name'] !== 'string') throw wrong;
    if (!['OBJECT', 'INTERFACE', 'UNION'].includes(String(type['kind']))) continue;
    const fields: Record<string, FieldType> = (types[type['name']] = Object.create(null) as Types[string]);
    for (const field of Array.isArray(type['fields']) ? (type['fields'] as unknown[]) : [])
      if (isObject(field) && typeof field['name'] === 'string') fields[field['name']] = fieldOfAnswer(field);
  }
  return schemaOf(roots, types);
}

function fieldOfAnswer(field: Record<string, unknown>): FieldType {
  let list = false;
  let type = field['type'];
  for (; isObject(type) && isObject(type['ofType']); type = type['ofType'])
    if (type['kind'] === 'LIST') list = true;
  const defaults: Record<string, number> = {};
  for (const argument of Array.isArray(field['args']) ? (field['args'] as unknown[]) : []) {
    if (!isObject(argument) || typeof argument['name'] !== 'string') continue;
    const preset = argument['defaultValue'];
    if (typeof preset === 'string' && /^-?\d{1,15}$/.test(preset))
      defaults[argument['name']] = Number(preset);
  }
  const name = isObject(type) ? String(type['name']) : '';
  return { type: name, list, ...(Object.keys(defaults).length > 0 ? { defaults } : {}) };
}
