import type {
  DocumentValue,
  FieldNode,
  FragmentNode,
  GraphqlDocument,
  OperationNode,
  OperationType,
  Selection,
} from './document.ts';
import { GraphqlError } from './graphql-error.ts';
import { Lexer } from './lexer.ts';

/** What is nested deeper is not read: the stack of the thread is everybody's. */
const mostLevels = 250;
const other: DocumentValue = { kind: 'other' };

/**
 * Reads an executable document (GraphQL specification of October 2021, §2) in time that grows with its length alone.
 * @throws GraphqlError for what is none, has more tokens than `maxTokens`, or names an operation or a fragment twice.
 */
export function parseDocument(text: string, maxTokens: number): GraphqlDocument {
  return new DocumentParser(text, maxTokens).document();
}

class DocumentParser {
  readonly #lexer: Lexer;
  #level = 0;

  constructor(text: string, maxTokens: number) {
    this.#lexer = new Lexer(text, maxTokens);
  }

  document(): GraphqlDocument {
    const lexer = this.#lexer;
    const operations: OperationNode[] = [];
    const fragments = new Map<string, FragmentNode>();
    const names = new Set<string>();
    do {
      // Since September 2025 definitions may be described, but for a selection set alone.
      if (lexer.skip('string') && lexer.kind === '{') throw lexer.unexpected('a definition');
      if (lexer.is('fragment')) this.#fragment(fragments);
      else {
        const operation = this.#operation();
        const name = operation.name ?? '';
        if (names.has(name)) throw twice('operation', name);
        names.add(name);
        operations.push(operation);
      }
    } while (lexer.kind !== 'end');
    return { operations, fragments, tokens: lexer.count };
  }

  #fragment(fragments: Map<string, FragmentNode>): void {
    const lexer = this.#lexer;
    lexer.next();
    if (lexer.is('on')) throw lexer.unexpected("a fragment's name");
    const name = lexer.take('name');
    if (!lexer.is('on')) throw lexer.unexpected('"on"');
    lexer.next();
    const on = lexer.take('name');
    const directives = this.#directives();
    if (fragments.has(name)) throw twice('fragment', name);
    fragments.set(name, { on, directives, selections: this.#selections() });
  }

  #operation(): OperationNode {
    const lexer = this.#lexer;
    const variables = new Map<string, number | null>();
    if (lexer.kind === '{')
      return { type: 'query', name: null, variables, directives: 0, selections: this.#selections() };
    if (!(lexer.is('query') || lexer.is('mutation') || lexer.is('subscription')))
      throw lexer.unexpected('a query, a mutation, a subscription or a fragment');
    const type = lexer.take('name') as OperationType;
    const name = lexer.kind === 'name' ? lexer.take('name') : null;
    let directives = 0;
    if (lexer.skip('(')) {
      do directives += this.#variable(variables);
      while (!lexer.skip(')'));
    }
    directives += this.#directives();
    return { type, name, variables, directives, selections: this.#selections() };
  }

  /** Returns how many directives it has. */
  #variable(variables: Map<string, number | null>): number {
    const lexer = this.#lexer;
    lexer.skip('string');
    lexer.take('$');
    const name = lexer.take('name');
    lexer.take(':');
    this.#type();
    const preset = lexer.skip('=') ? this.#value(true) : other;
    variables.set(name, preset.kind === 'number' ? preset.value : null);
    return this.#directives(true);
  }

  #type(): void {
    const lexer = this.#lexer;
    let lists = 0;
    while (lexer.skip('[')) lists++;
    lexer.take('name');
    lexer.skip('!');
    for (; lists > 0; lists--) {
      lexer.take(']');
      lexer.skip('!');
    }
  }

  #directives(constant = false): number {
    const lexer = this.#lexer;
    let count = 0;
    for (; lexer.skip('@'); count++) {
      lexer.take('name');
      this.#arguments(constant);
    }
    return count;
  }

  #arguments(constant = false): FieldNode['arguments'] {
    const lexer = this.#lexer;
    if (!lexer.skip('(')) return null;
    const given: (readonly [string, DocumentValue])[] = [];
    do {
      const name = lexer.take('name');
      lexer.take(':');
      given.push([name, this.#value(constant)]);
    } while (!lexer.skip(')'));
    return given;
  }

  #selections(): Selection[] {
    const lexer = this.#lexer;
    lexer.take('{');
    this.#down();
    const selections: Selection[] = [];
    do selections.push(lexer.kind === '...' ? this.#fragmentUse() : this.#field());
    while (!lexer.skip('}'));
    this.#level--;
    return selections;
  }

  #field(): FieldNode {
    const lexer = this.#lexer;
    const first = lexer.take('name');
    const aliased = lexer.skip(':');
    const name = aliased ? lexer.take('name') : first;
    const given = this.#arguments();
    const directives = this.#directives();
    const selections = lexer.kind === '{' ? this.#selections() : null;
    return { kind: 'field', name, aliased, arguments: given, directives, selections };
  }

  #fragmentUse(): Selection {
    const lexer = this.#lexer;
    lexer.next();
    if (lexer.kind === 'name' && !lexer.is('on')) {
      const name = lexer.take('name');
      return { kind: 'spread', name, directives: this.#directives() };
    }
    const on = lexer.skip('name') ? lexer.take('name') : null;
    const directives = this.#directives();
    return { kind: 'inline', on, directives, selections: this.#selections() };
  }

  /** A constant one has no variables in it. */
  #value(constant: boolean): DocumentValue {
    const lexer = this.#lexer;
    switch (lexer.kind) {
      case '$':
        if (constant) throw lexer.unexpected('a constant');
        lexer.next();
        return { kind: 'variable', name: lexer.take('name') };
      case 'int':
      case 'float': {
        const value = Number(lexer.text);
        lexer.next();
        return { kind: 'number', value };
      }
      case 'string':
      case 'name':
        lexer.next();
        return other;
      case '[': {
        lexer.next();
        this.#down();
        let length = 0;
        for (; !lexer.skip(']'); length++) this.#value(constant);
        this.#level--;
        return { kind: 'list', length };
      }
      case '{':
        lexer.next();
        this.#down();
        while (!lexer.skip('}')) {
          lexer.take('name');
          lexer.take(':');
          this.#value(constant);
        }
        this.#level--;
        return other;
      default:
        throw lexer.unexpected('a value');
    }
  }

  #down(): void {
    if (++this.#level > mostLevels)
      throw new GraphqlError('nesting', `The document is nested deeper than ${mostLevels} levels.`);
  }
}

const twice = (what: string, name: string): GraphqlError =>
  new GraphqlError(
    what === 'operation' ? 'operation' : 'fragments',
    name === ''
      ? 'The document has more than one operation without a name.'
      : `The document has more than one ${what} "${name.slice(0, 100)}".`,
  );
