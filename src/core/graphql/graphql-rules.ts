import type { CostRules } from './cost-rules.ts';
import type { GraphqlSchema } from './schema.ts';

/** How an http route understands GraphQL. */
export interface GraphqlRules {
  /** Larger documents are not read. */
  readonly maxTokens: number;
  /** Operations that one request may have; 1: none has a list of them. */
  readonly maxBatch: number;
  readonly costs: CostRules;
  /** Null: of fields nothing is known but what operations say. */
  readonly schema: GraphqlSchema | null;
  /** Null: what a document is called is between clients and the server. */
  readonly documents: DocumentRules | null;
}

/** Documents that clients may name instead of sending them. */
export interface DocumentRules {
  /** Clients may make documents known by sending them once, each for its project. */
  readonly automatic: boolean;
  readonly listed: readonly ListedDocument[];
}

export interface ListedDocument {
  /** By which clients name it, beside the SHA-256 of its text. */
  readonly id: string | null;
  readonly text: string;
}
