/** What a model is asked, in no vendor's words. To be read: what goes to the provider is the client's own. */
export interface PolicyConversation {
  readonly turns: readonly PolicyTurn[];
  readonly tools: readonly { readonly name: string; readonly description: string | null }[];
  readonly maxOutputTokens: number | null;
  readonly temperature: number | null;
  /** Sequences that end the answer. */
  readonly stop: readonly string[];
  /** The end user on whose behalf the call is made, by the client's word. */
  readonly endUser: string | null;
}

export interface PolicyTurn {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly parts: readonly PolicyPart[];
}

export type PolicyPart =
  | { readonly type: 'text' | 'reasoning' | 'refusal'; readonly text: string }
  | { readonly type: 'tool-call'; readonly id: string; readonly name: string; readonly arguments: string }
  | {
      readonly type: 'tool-result';
      readonly callId: string;
      readonly parts: readonly PolicyPart[];
      readonly isError: boolean;
    }
  /** Pictures, sound, documents, and what only one vendor knows. */
  | { readonly type: 'image' | 'document' | 'video' | 'audio' | 'opaque' };
