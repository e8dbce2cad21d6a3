/** What models do besides conversing, in no vendor's words: what is asked, and what comes of it. */
import type { MediaSource } from './media-source.ts';

export type Work = EmbeddingWork | RerankWork | OtherWork;

/** Texts, or what else can be, as vectors. */
export interface EmbeddingWork {
  readonly kind: 'embeddings';
  /** A vector is made of each. */
  readonly inputs: readonly EmbeddingInput[];
  /** Of the vectors; null: the model's own. */
  readonly dimensions: number | null;
  /** What the vectors are for, where the caller says. */
  readonly purpose: EmbeddingPurpose | null;
  /** Forms in which the vectors are wanted: `float`, `base64` (of floats of 32 bits, little-endian), or a provider's own. */
  readonly encodings: readonly string[];
  /** May what is too long be cut? Null: as the provider does. */
  readonly truncate: boolean | null;
  /** The caller's names for what a provider may have no word for. */
  readonly words: Readonly<
    Record<'dimensions' | 'purpose' | 'truncate' | 'encoding' | 'tokens' | 'image', string>
  >;
}

export type EmbeddingInput =
  | { readonly type: 'text'; readonly text: string }
  /** Numbers of tokens, as the model's own tokenizer gives them. */
  | { readonly type: 'tokens'; readonly tokens: readonly number[] }
  | { readonly type: 'image'; readonly source: MediaSource };

export type EmbeddingPurpose = 'query' | 'document' | 'similarity' | 'classification' | 'clustering';

/** Documents by how well they fit a query. */
export interface RerankWork {
  readonly kind: 'rerank';
  readonly query: string;
  readonly documents: readonly string[];
  /** How many of the best are wanted; null: all. */
  readonly top: number | null;
}

/** Work of which the gateway need not know more than what text went in: it passes within its dialect only. */
export interface OtherWork {
  readonly kind: 'moderation' | 'image' | 'speech' | 'transcription';
  readonly texts: readonly string[];
  /** What will be used of what is counted apart from tokens, where the call says so: `characters`. */
  readonly units?: Readonly<Record<string, number>>;
}

/** What dialects are for, where it is no conversation: work, or to count what a conversation would take. */
export type Surface = Work['kind'] | 'count';

export type WorkResult =
  /** In the order of the inputs. */
  | { readonly kind: 'embeddings'; readonly vectors: readonly (readonly number[])[] }
  /** Best first; `index` is that of the document. */
  | { readonly kind: 'rerank'; readonly ranks: readonly Rank[] }
  | { readonly kind: 'count'; readonly tokens: number };

export interface Rank {
  readonly index: number;
  readonly score: number;
}

/** The text of work: what is counted where a provider does not say how many tokens went in. */
export function textsOfWork(work: Work): readonly string[] {
  switch (work.kind) {
    case 'embeddings':
      return work.inputs.flatMap((input) => (input.type === 'text' ? [input.text] : []));
    case 'rerank':
      return [work.query, ...work.documents];
    default:
      return work.texts;
  }
}
