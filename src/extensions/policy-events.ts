/**
 * What a model answers, in no vendor's words: one sequence of events, whether it is streamed or came whole.
 *
 *   start → (block-start → text* → block-stop)* → finish (per choice) → usage? → end
 */

export type PolicyBlockKind = 'text' | 'reasoning' | 'refusal' | 'tool-call' | 'opaque';

/** Text, reasoning or refusal, or a piece of the JSON of a tool call's arguments, as `kind` says. */
export interface TextEvent {
  readonly type: 'text';
  readonly choice: number;
  readonly block: number;
  readonly kind: PolicyBlockKind;
  readonly text: string;
}

export type PolicyAnswerEvent =
  | TextEvent
  | { readonly type: 'start'; readonly model: string }
  | {
      readonly type: 'block-start';
      readonly choice: number;
      readonly block: number;
      readonly kind: PolicyBlockKind;
      /** Of a tool call. */
      readonly tool: string | null;
    }
  | { readonly type: 'block-stop'; readonly choice: number; readonly block: number }
  /** `stop`, `length`, `tool-calls`, `content-filter`, `pause`, `error` or `other`. */
  | { readonly type: 'finish'; readonly choice: number; readonly reason: string }
  /** Cumulative. */
  | { readonly type: 'usage'; readonly inputTokens: number; readonly outputTokens: number }
  | { readonly type: 'end' }
  /** What `call.cut()` gives. */
  | { readonly type: 'cut' }
  /** Citations, signatures, keep-alives: to be passed on, or left out. */
  | { readonly type: 'other' };
