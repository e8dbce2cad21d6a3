/**
 * What was asked, in no vendor's words. A dialect parses its bytes into this and renders its bytes from it. What
 * the vocabulary has no word for travels in `rest`, under the dialect's own field names: it survives a trip within
 * the dialect, and is named as lost on a trip to another.
 */

import type { MediaSource } from './media-source.ts';
import type { Work } from './work.ts';

export type { MediaSource };

export type JsonObject = { readonly [key: string]: unknown };

/** The few things the gateway must know of any model call, read without understanding the conversation. */
export interface CallBrief {
  /** As the client named it. */
  readonly model: string;
  readonly stream: boolean;
  /** The client's cap, null when it gave none. */
  readonly maxOutputTokens: number | null;
  /** Answers asked for (`n`). */
  readonly choices: number;
  /** Did the client itself ask for usage on the stream? */
  readonly wantsUsage: boolean;
  /** How it is asked to be served, in the dialect's words: `flex`, `priority`. Absent: as usual. */
  readonly serviceTier?: string;
  /** Asks about a call and makes none: nothing is used by it, whatever comes of it. */
  readonly free?: true;
}

export interface Conversation {
  /** The client's dialect: the one whose words every `rest` uses. */
  readonly dialect: string;
  /** Its names for what another dialect may be unable to carry. */
  readonly words: Words;
  readonly turns: readonly Turn[];
  readonly tools: readonly Tool[];
  readonly toolChoice: ToolChoice | null;
  readonly parallelToolCalls: boolean | null;
  readonly outputFormat: OutputFormat | null;
  readonly maxOutputTokens: number | null;
  readonly choices: number;
  readonly stop: readonly string[];
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly topK: number | null;
  readonly seed: number | null;
  readonly frequencyPenalty: number | null;
  readonly presencePenalty: number | null;
  /** Log probabilities of the answer's tokens, and of this many others at each place; null: none. */
  readonly logprobs: number | null;
  readonly reasoning: ReasoningWish | null;
  /** The end user on whose behalf the call is made. */
  readonly endUser: string | null;
  readonly stream: boolean;
  /** Fields of the client's dialect without a word above. */
  readonly rest: JsonObject;
  /** What is asked where it is no conversation: then all of the above is empty but `rest`. */
  readonly work?: Work;
}

/** `system` may occur anywhere; leading ones are the instructions. Tool results are parts of a `tool` turn. */
export interface Turn {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly parts: readonly Part[];
  readonly name?: string;
  readonly rest?: JsonObject;
}

/** What a caller gives in a dialect's own words, such as `generationConfig.topK`: losses are told in them. */
export type Words = Readonly<
  Record<
    | 'maxOutputTokens'
    | 'choices'
    | 'stop'
    | 'temperature'
    | 'topP'
    | 'topK'
    | 'seed'
    | 'frequencyPenalty'
    | 'presencePenalty'
    | 'logprobs'
    | 'reasoning'
    | 'outputFormat'
    | 'parallelToolCalls'
    | 'toolChoice'
    | 'tools'
    | 'toolStrict'
    | 'endUser'
    | 'speaker'
    | 'image'
    | 'imageDetail'
    | 'document'
    | 'documentName'
    | 'audio'
    | 'video'
    | 'file'
    | 'reasoningPart'
    | 'sealedPart'
    | 'toolResult'
    | 'toolResultError'
    | 'toolCallSignature'
    | 'cache',
    string
  >
>;

/** Up to and with the part that bears it, what is sent may be kept by the provider to be cheaper the next time. */
export interface CacheMarker {
  /** `5m`, `1h`; null: the provider's usual. */
  readonly ttl: string | null;
}

export type Part =
  | { readonly type: 'text'; readonly text: string; readonly cache?: CacheMarker; readonly rest?: JsonObject }
  | {
      readonly type: 'image';
      readonly source: MediaSource;
      readonly detail?: string;
      readonly cache?: CacheMarker;
      readonly rest?: JsonObject;
    }
  | {
      readonly type: 'document';
      readonly source: MediaSource;
      readonly name?: string;
      readonly cache?: CacheMarker;
      readonly rest?: JsonObject;
    }
  | { readonly type: 'video'; readonly source: MediaSource; readonly rest?: JsonObject }
  | { readonly type: 'audio'; readonly format: string; readonly data: string; readonly rest?: JsonObject }
  | ReasoningPart
  | { readonly type: 'refusal'; readonly text: string }
  | ToolCallPart
  | ToolResultPart
  /** A part only its own dialect understands. */
  | { readonly type: 'opaque'; readonly dialect: string; readonly raw: JsonObject };

/** Reasoning that must go back unchanged to the provider that made it. `sealed` parts have no readable text. */
export interface ReasoningPart {
  readonly type: 'reasoning';
  readonly text: string;
  readonly signature: string | null;
  readonly sealed: string | null;
}

export interface ToolCallPart {
  readonly type: 'tool-call';
  readonly id: string;
  readonly name: string;
  /** JSON text, exactly as the model wrote it. */
  readonly arguments: string;
  /** Proof that the call is the provider's own, where it asks for one. */
  readonly signature?: string;
  readonly cache?: CacheMarker;
  readonly rest?: JsonObject;
}

export interface ToolResultPart {
  readonly type: 'tool-result';
  readonly callId: string;
  readonly parts: readonly Part[];
  readonly isError: boolean;
  readonly cache?: CacheMarker;
  readonly rest?: JsonObject;
}

export interface Tool {
  readonly name: string;
  readonly description: string | null;
  /** JSON Schema of the arguments; null for a tool of a kind only its own dialect knows (see `raw`). */
  readonly schema: JsonObject | null;
  readonly strict: boolean | null;
  readonly cache?: CacheMarker;
  readonly raw?: JsonObject;
  readonly rest?: JsonObject;
}

export type ToolChoice =
  | { readonly type: 'none' | 'auto' | 'required' }
  /** Of these tools alone, though others are named. */
  | { readonly type: 'auto' | 'required'; readonly among: readonly string[] }
  | { readonly type: 'named'; readonly name: string };

export type OutputFormat =
  | { readonly type: 'json' }
  | {
      readonly type: 'json-schema';
      readonly name: string;
      readonly schema: JsonObject;
      readonly strict: boolean | null;
    };

export interface ReasoningWish {
  readonly effort: string | null;
  readonly budgetTokens: number | null;
  /** False when the caller switched reasoning off. */
  readonly enabled: boolean;
  readonly rest?: JsonObject;
}

/** Something asked for that a target cannot carry. */
export interface Loss {
  /** The field, in the client's dialect's words. */
  readonly field: string;
  readonly reason: string;
}
