/** What models do besides conversing, in no vendor's words: what is asked, and what comes of it. */
import type { Conversation, JsonObject, Loss, MediaSource, Words } from './call.ts';
import { Fault } from './fault.ts';

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
}

export type WorkKind = Work['kind'];

export type WorkResult =
  /** In the order of the inputs. */
  | { readonly kind: 'embeddings'; readonly vectors: readonly (readonly number[])[] }
  /** Best first; `index` is that of the document. */
  | { readonly kind: 'rerank'; readonly ranks: readonly Rank[] };

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

/** Fields of the caller's own that no other dialect has a word for. */
export const lossesOfFields = (rest: JsonObject): Loss[] =>
  Object.keys(rest).map((field) => ({ field, reason: 'the target has no word for it' }));

/**
 * The inputs where a provider takes texts alone, or texts and tokens. Left out they would be missing among the vectors.
 * @throws Fault `dialect/not-carried`.
 */
export function textInputs(work: EmbeddingWork): string[] {
  return inputsWith(work, false) as string[];
}

export const textOrTokenInputs = (work: EmbeddingWork): (string | readonly number[])[] =>
  inputsWith(work, true);

function inputsWith({ inputs, words, encodings }: EmbeddingWork, tokens: boolean) {
  const own = encodings.find((encoding) => encoding !== 'float' && encoding !== 'base64');
  if (own !== undefined)
    throw notCarried(words.encoding, `vectors of the kind "${own}" are its own dialect's`);
  return inputs.map((input) => {
    if (input.type === 'text') return input.text;
    if (input.type === 'tokens' && tokens) return input.tokens;
    if (input.type === 'tokens') throw notCarried(words.tokens, 'the target takes texts, not tokens');
    throw notCarried(words.image, 'the target takes texts, not images');
  });
}

const notCarried = (field: string, reason: string): Fault =>
  new Fault('dialect/not-carried', `${field}: ${reason}.`, { field });

/** What the target has no word for, among what the caller said. */
export function lossesOfEmbedding(
  work: EmbeddingWork,
  lacks: readonly ('dimensions' | 'purpose' | 'truncate')[],
): Loss[] {
  const said = lacks.filter((name) => work[name] !== null);
  return said.map((name) => ({ field: work.words[name], reason: 'the target has no word for it' }));
}

/** Work as the pipeline carries it. */
export function callOf(
  work: Work,
  { dialect, rest = {} }: { readonly dialect: string; readonly rest?: JsonObject | undefined },
): Conversation {
  return {
    dialect,
    work,
    words: noWords,
    turns: [],
    tools: [],
    toolChoice: null,
    parallelToolCalls: null,
    outputFormat: null,
    maxOutputTokens: null,
    choices: 1,
    stop: [],
    temperature: null,
    topP: null,
    topK: null,
    seed: null,
    frequencyPenalty: null,
    presencePenalty: null,
    logprobs: null,
    reasoning: null,
    endUser: null,
    stream: false,
    rest,
  };
}

/** Nothing of a conversation is asked for, so nothing of it can be lost. */
const noWords = {} as Words;
