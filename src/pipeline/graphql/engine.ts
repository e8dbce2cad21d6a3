import { createHash } from 'node:crypto';
import { FieldPrices } from '#core/graphql/cost-rules.ts';
import { canonicalDocument, canonicalOperations } from '#core/graphql/canonical-document.ts';
import type { GraphqlDocument, OperationNode } from '#core/graphql/document.ts';
import { countValues, type AskedOperation } from '#core/graphql/graphql-call.ts';
import { GraphqlError } from '#core/graphql/graphql-error.ts';
import type { GraphqlRules } from '#core/graphql/graphql-rules.ts';
import { measureOperation } from '#core/graphql/measure.ts';
import { parseDocument } from '#core/graphql/parse-document.ts';
import { isObject } from '#core/read-json.ts';
import { Fault } from '#core/fault.ts';
import type { DocumentStore } from './document-store.ts';
import type { GraphqlRequest } from './read-requests.ts';

/** Read documents that are remembered, and characters that they may have together. */
const mostRead = 1000;
const mostCharacters = 1024 * 1024;

interface ReadDocument {
  readonly document: GraphqlDocument;
  /** On the route's list? */
  readonly listed: boolean;
}

/** An operation, and the text of its document where the client has only named it. */
export interface Understood {
  readonly asked: AskedOperation;
  readonly found: string | null;
}

/** Understands the operations of one route. */
export class GraphqlEngine {
  readonly #rules: GraphqlRules;
  readonly #prices: FieldPrices;
  readonly #store: DocumentStore;
  /** The list by the names and hashes that clients may use, and what its operations are alike in. */
  readonly #listed = new Map<string, string>();
  readonly #canonical = new Set<string>();
  readonly #read = new Map<string, ReadDocument>();
  #characters = 0;

  /** @throws GraphqlError for a listed document that cannot be read. */
  constructor(rules: GraphqlRules, store: DocumentStore) {
    this.#rules = rules;
    this.#store = store;
    this.#prices = new FieldPrices(rules.costs, rules.schema);
    for (const { id, text } of rules.documents?.listed ?? []) {
      this.#listed.set(`sha256:${hashOf(text)}`, text);
      if (id !== null) this.#listed.set(id, text);
      for (const one of canonicalOperations(text, rules.maxTokens)) this.#canonical.add(one);
    }
  }

  /** @throws Fault for what no server could run, or what is not known. */
  understand(request: GraphqlRequest, project: string): Understood {
    const { query, found } = this.#documentOf(request, project);
    const byId = found !== null;
    const text = query ?? found;
    if (text === null) {
      const asked = { type: null, name: request.operationName, measures: null, tokens: 0 } as const;
      return { asked: { ...asked, variables: variablesOf(request, null), listed: false, byId: true }, found };
    }
    try {
      const { document, listed } = this.#readDocument(text);
      const operation = chosen(document, request.operationName);
      const { variables } = request;
      const measures = measureOperation(document, operation, { prices: this.#prices, variables });
      const { type, name } = operation;
      const { tokens } = document;
      const asked = {
        type,
        name,
        measures,
        tokens,
        variables: variablesOf(request, operation),
        listed,
        byId,
      };
      return { asked, found };
    } catch (thrown) {
      throw thrown instanceof GraphqlError ? faultOf(thrown, this.#rules) : thrown;
    }
  }

  /** The text that came, or the one that is known under what came for it; neither where the server alone may know it. */
  #documentOf(request: GraphqlRequest, project: string): { query: string | null; found: string | null } {
    const { query, documentId } = request;
    const { documents } = this.#rules;
    const hash = hashIn(request);
    if (documents === null) {
      if (query === null && documentId === null && hash === null) throw missing();
      return { query, found: null };
    }
    if (query !== null) {
      if (documentId !== null) throw invalid('documentId', 'Send "query" or "documentId", not both.');
      if (hash !== null) {
        if (hash !== hashOf(query))
          throw invalid('extensions', 'The hash of the persisted query is not that of "query".');
        this.#readForStore(query);
        if (documents.automatic) this.#store.keep(project, hash, query);
      }
      return { query, found: null };
    }
    if (documentId === null && hash === null) throw missing();
    const name = documentId ?? `sha256:${hash}`;
    const kept = /^sha256:[0-9a-f]{64}$/.test(name) && documents.automatic ? name.slice(7) : null;
    const found = this.#listed.get(name) ?? (kept === null ? null : this.#store.find(project, kept));
    if (found === null) throw unknown(documents.automatic && hash !== null);
    return { query: null, found };
  }

  /** What cannot be read is not kept. */
  #readForStore(text: string): void {
    try {
      this.#readDocument(text);
    } catch (thrown) {
      throw thrown instanceof GraphqlError ? faultOf(thrown, this.#rules) : thrown;
    }
  }

  #readDocument(text: string): ReadDocument {
    const known = this.#read.get(text);
    if (known) {
      this.#read.delete(text);
      this.#read.set(text, known);
      return known;
    }
    const { maxTokens } = this.#rules;
    const document = parseDocument(text, maxTokens);
    const listed = this.#canonical.size > 0 && this.#canonical.has(canonicalDocument(text, maxTokens));
    const read = { document, listed };
    this.#read.set(text, read);
    this.#characters += text.length;
    for (const oldest of this.#read.keys()) {
      if (this.#read.size <= mostRead && this.#characters <= mostCharacters) break;
      this.#read.delete(oldest);
      this.#characters -= oldest.length;
    }
    return read;
  }
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** https://www.apollographql.com/docs/apollo-server/performance/apq: version 1 is the only one. */
function hashIn({ extensions }: GraphqlRequest): string | null {
  const persisted =
    extensions && Object.hasOwn(extensions, 'persistedQuery') ? extensions['persistedQuery'] : null;
  if (persisted === null || persisted === undefined) return null;
  const hash = isObject(persisted) && persisted['version'] === 1 ? persisted['sha256Hash'] : null;
  if (typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash)) return hash;
  throw invalid('extensions', '"persistedQuery" has version 1 and a sha256Hash of 64 hexadecimal digits.');
}

/** GetOperation (GraphQL specification of October 2021, §6.1). */
function chosen({ operations }: GraphqlDocument, name: string | null): OperationNode {
  const fitting = name === null ? operations : operations.filter((operation) => operation.name === name);
  if (fitting.length === 1) return fitting[0]!;
  const message =
    name === null
      ? `The document has ${operations.length} operations; say which by "operationName".`
      : `The document has no operation "${name.slice(0, 100)}".`;
  throw new GraphqlError('operation', message);
}

function variablesOf({ variables }: GraphqlRequest, operation: OperationNode | null): number {
  return Math.max(operation?.variables.size ?? 0, variables === null ? 0 : countValues(variables) - 1);
}

function faultOf({ kind, message }: GraphqlError, { maxTokens }: GraphqlRules): Fault {
  if (kind !== 'tokens') return new Fault('graphql/document', message, { field: 'query' });
  const extensions = { limit: 'tokens', allowed: maxTokens };
  return new Fault('graphql/limit-exceeded', message, { extensions });
}

const missing = (): Fault => invalid('query', 'A GraphQL request has a "query"; none came.');

/** In the words that clients of the protocol wait for, to send the text then. */
const unknown = (mayBeSent: boolean): Fault =>
  new Fault('graphql/unknown-document', mayBeSent ? 'PersistedQueryNotFound' : 'PersistedQueryNotInList', {
    extensions: { code: mayBeSent ? 'PERSISTED_QUERY_NOT_FOUND' : 'PERSISTED_QUERY_NOT_IN_LIST' },
  });

const invalid = (field: string, message: string): Fault =>
  new Fault('request/invalid-field', message, { field });
