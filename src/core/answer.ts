/**
 * What came back, in no vendor's words. An answer, streamed or whole, is one sequence of events:
 *
 *   start → (block-start → delta* → block-stop)* → finish (per choice) → usage? → end
 *
 * A whole answer is the same sequence, given at once: so whatever reads or rewrites answers is written once.
 */
import type { Fault } from './fault.ts';
import type { JsonObject } from './call.ts';
import type { Usage } from './usage.ts';
import type { WorkResult } from './work.ts';

export type FinishReason = 'stop' | 'length' | 'tool-calls' | 'content-filter' | 'pause' | 'error' | 'other';

export type BlockKind = 'text' | 'reasoning' | 'refusal' | 'tool-call' | 'opaque';

export interface BlockStart {
  readonly type: 'block-start';
  readonly choice: number;
  /** Unique within the choice, ascending. */
  readonly block: number;
  readonly kind: BlockKind;
  /** Of a tool call. */
  readonly id?: string;
  readonly name?: string;
  /** Of a sealed reasoning block (its opaque state) or of an opaque one (its own JSON). */
  readonly sealed?: string;
  readonly raw?: JsonObject;
}

/** Text, reasoning, refusal or JSON text of tool arguments, as the kind of its block says. */
export interface Delta {
  readonly type: 'delta';
  readonly choice: number;
  readonly block: number;
  readonly text: string;
}

export interface Citation {
  readonly url: string | null;
  readonly title: string | null;
  /** What is cited. */
  readonly quote: string | null;
  /** The part of the block's text that rests on it, in UTF-16 code units; null: unknown. */
  readonly start: number | null;
  readonly end: number | null;
  /** In the provider's own words, for a trip within its dialect. */
  readonly raw?: JsonObject;
}

export type AnswerEvent =
  | {
      readonly type: 'start';
      readonly id: string;
      readonly model: string;
      readonly createdAtS: number | null;
    }
  | BlockStart
  | Delta
  /** Proof that a reasoning block, or a tool call, is the provider's own. */
  | {
      readonly type: 'signature';
      readonly choice: number;
      readonly block: number;
      readonly signature: string;
    }
  /** Where what a text block says comes from. */
  | {
      readonly type: 'citation';
      readonly choice: number;
      readonly block: number;
      readonly citation: Citation;
    }
  | { readonly type: 'block-stop'; readonly choice: number; readonly block: number }
  | {
      readonly type: 'finish';
      readonly choice: number;
      readonly reason: FinishReason;
      /** The stop sequence that matched, where the dialect says. */
      readonly stopSequence?: string | null;
      /** The dialect's own word, kept for a trip within it. */
      readonly raw?: string;
    }
  /** What came of work that is no conversation. */
  | { readonly type: 'result'; readonly result: WorkResult }
  /** Cumulative: the last one counts, field by field as its dialect merges them. */
  | { readonly type: 'usage'; readonly usage: Usage }
  /** The dialect's terminal event. */
  | { readonly type: 'end' }
  /** An error that the upstream sent in its stream. */
  | { readonly type: 'fault'; readonly fault: Fault }
  /** Keep-alives and the like: nothing a client must see. */
  | { readonly type: 'ping' }
  /** Something only its own dialect understands; passes within it, is named as lost on the way to another. */
  | { readonly type: 'opaque'; readonly name: string }
  /** A policy ends the answer here. Never comes from an upstream. */
  | { readonly type: 'cut'; readonly reason: FinishReason; readonly outcome: 'guardrail_cut' | 'budget_cut' };

/** Where a stream stands: all that is needed to end it at any event, in any dialect. */
export interface StreamState {
  started: boolean;
  id: string;
  model: string;
  createdAtS: number;
  /** All blocks begun, in order. */
  begun: BlockStart[];
  /** Those of them that are not stopped. */
  open: BlockStart[];
  /** Choices that have a finish reason. */
  finished: Set<number>;
  /** The first choice's finish: some dialects say it only together with the usage. */
  finish: (AnswerEvent & { readonly type: 'finish' }) | null;
  usage: Usage | null;
  ended: boolean;
}

export const newStreamState = (): StreamState => ({
  started: false,
  id: '',
  model: '',
  createdAtS: 0,
  begun: [],
  open: [],
  finished: new Set(),
  finish: null,
  usage: null,
  ended: false,
});

/** The block an event belongs to, open or stopped. */
export function blockOf(
  state: StreamState,
  event: { readonly choice: number; readonly block: number },
): BlockStart | undefined {
  return state.begun.find((b) => b.choice === event.choice && b.block === event.block);
}

/** How many blocks of these kinds began before this one in its choice. */
export function ordinalOf(
  state: StreamState,
  event: { readonly choice: number; readonly block: number },
  kinds: readonly BlockKind[],
): number {
  let ordinal = 0;
  for (const begun of state.begun) {
    if (begun.choice !== event.choice || !kinds.includes(begun.kind)) continue;
    if (begun.block === event.block) break;
    ordinal++;
  }
  return ordinal;
}

/** Moves the state over one event. */
export function advance(state: StreamState, event: AnswerEvent): void {
  switch (event.type) {
    case 'start':
      state.started = true;
      state.id = event.id;
      state.model = event.model;
      if (event.createdAtS !== null) state.createdAtS = event.createdAtS;
      return;
    case 'block-start':
      state.begun.push(event);
      state.open.push(event);
      return;
    case 'block-stop':
      state.open = state.open.filter((b) => b.choice !== event.choice || b.block !== event.block);
      return;
    case 'finish':
      state.finished.add(event.choice);
      if (event.choice === 0) state.finish ??= event;
      return;
    case 'usage':
      state.usage = event.usage;
      return;
    case 'end':
      state.ended = true;
      return;
    default:
      return;
  }
}

/**
 * Would a client miss it: text, a tool call, an opaque block, an end? Up to the first such event another target can still
 * take over unseen.
 */
export function isContent(event: AnswerEvent): boolean {
  switch (event.type) {
    case 'delta':
      return event.text !== '';
    case 'block-start':
      return event.kind === 'tool-call' || event.kind === 'opaque' || event.sealed !== undefined;
    case 'result':
    case 'finish':
    case 'end':
    case 'cut':
      return true;
    default:
      return false;
  }
}
