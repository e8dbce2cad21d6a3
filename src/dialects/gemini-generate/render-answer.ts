import {
  blockOf,
  ordinalOf,
  type AnswerEvent,
  type BlockStart,
  type Citation,
  type FinishReason,
  type StreamState,
} from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { Ending, RenderContext } from '#core/contracts/dialect.ts';
import { toBytes } from '#core/opaque-state.ts';
import { callOf, endOf, inputOf, isOwn, objectOf } from './answer-parts.ts';
import { isArray } from './brief.ts';
import { withNoProof } from './proof.ts';
import { renderUsage } from './usage.ts';

/** What is said together with something that comes later. */
interface Held {
  /** Arguments and proof of calls under way, which go out whole; by choice and block. */
  readonly calls: Map<string, { text: string; signature: string | null }>;
  /** By choice: said in the last event, with the usage. */
  readonly finishes: Map<number, FinishReason>;
  readonly citations: Map<number, Citation[]>;
  /** By choice: proofs of thoughts, which stand with the call that follows. */
  readonly proofs: Map<number, string>;
}

const held = new WeakMap<StreamState, Held>();

function heldOf(state: StreamState): Held {
  let of = held.get(state);
  if (!of)
    held.set(
      state,
      (of = { calls: new Map(), finishes: new Map(), citations: new Map(), proofs: new Map() }),
    );
  return of;
}

const keyOf = ({ choice, block }: { readonly choice: number; readonly block: number }): string =>
  `${choice}/${block}`;

/** One event: of an array its first member comes with the start, so that all others follow one. */
function frame(fields: JsonObject, state: StreamState, context: RenderContext): string {
  const named = { modelVersion: context.model, responseId: state.id || context.exchangeId };
  const json = JSON.stringify({ ...fields, ...named });
  return isArray(context.line) ? `,\n${json}` : `data: ${json}\n\n`;
}

const saying = (choice: number, part: JsonObject, { state, context }: To): string =>
  frame({ candidates: [{ content: { parts: [part], role: 'model' }, index: choice }] }, state, context);

/** https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent */
export function renderEvent(event: AnswerEvent, state: StreamState, context: RenderContext): string {
  const to = { state, context };
  switch (event.type) {
    case 'start':
      return renderStart(event.id, context);
    case 'block-start': {
      const { kind, raw, choice } = event;
      if (kind !== 'tool-call')
        return prove(choice, to) + (kind === 'opaque' && raw && isOwn(raw) ? saying(choice, raw, to) : '');
      const { calls, proofs } = heldOf(state);
      calls.set(keyOf(event), { text: '', signature: proofs.get(choice) ?? null });
      proofs.delete(choice);
      return '';
    }
    case 'delta': {
      const kind = blockOf(state, event)?.kind;
      const call = heldOf(state).calls.get(keyOf(event));
      if (call) call.text += event.text;
      if (kind === undefined || kind === 'tool-call' || kind === 'opaque' || event.text === '') return '';
      return saying(
        event.choice,
        { text: event.text, ...(kind === 'reasoning' ? { thought: true } : {}) },
        to,
      );
    }
    case 'signature': {
      const { signature } = event;
      const call = heldOf(state).calls.get(keyOf(event));
      if (call) call.signature ??= signature;
      else heldOf(state).proofs.set(event.choice, signature);
      return '';
    }
    case 'citation': {
      const { citations } = heldOf(state);
      citations.set(event.choice, [...(citations.get(event.choice) ?? []), event.citation]);
      return '';
    }
    case 'block-stop': {
      const block = blockOf(state, event);
      const call = heldOf(state).calls.get(keyOf(event));
      heldOf(state).calls.delete(keyOf(event));
      return block && call ? calling(block, inputOf(call.text), call.signature, to) : '';
    }
    case 'finish':
      heldOf(state).finishes.set(event.choice, event.reason);
      return prove(event.choice, to);
    case 'end':
      return renderTail(state, context);
    default:
      return '';
  }
}

interface To {
  readonly state: StreamState;
  readonly context: RenderContext;
}

/** A proof that no call follows has a part of its own. */
function prove(choice: number, to: To): string {
  const { proofs } = heldOf(to.state);
  const proof = proofs.get(choice);
  proofs.delete(choice);
  return proof === undefined ? '' : saying(choice, proofPart(proof), to);
}

const proofPart = (proof: string): JsonObject => ({
  text: '',
  thought: true,
  thoughtSignature: toBytes(proof),
});

function renderStart(id: string, context: RenderContext): string {
  if (!isArray(context.line)) return '';
  return `[${JSON.stringify({ modelVersion: context.model, responseId: id || context.exchangeId })}`;
}

/** The next model may be one that wants a proof. */
function calling(block: BlockStart, args: JsonObject, signature: string | null, to: To): string {
  const part = callOf(block, args, signature);
  const isFirst = ordinalOf(to.state, block, ['tool-call']) === 0;
  return saying(block.choice, isFirst ? withNoProof([part])[0]! : part, to);
}

/** Where the finish went out in the provider's own bytes, so did the rest of what it came with. */
function renderTail(state: StreamState, context: RenderContext): string {
  const { finishes, citations } = heldOf(state);
  const closing = isArray(context.line) ? ']' : '';
  if (finishes.size === 0 && state.finished.size > 0) return closing;
  const candidates = [...finishes].sort(([a], [b]) => a - b);
  const usage = state.usage ? { usageMetadata: renderUsage(state.usage) } : {};
  const said = candidates.map(([index, reason]) => ({
    content: { parts: [{ text: '' }], role: 'model' },
    ...endOf(reason, citations.get(index)),
    index,
  }));
  return frame({ candidates: said, ...usage }, state, context) + closing;
}

/** Of a call under way only one whose arguments are whole is given: nobody may act on half of them. */
export function renderEnding(ending: Ending, state: StreamState, context: RenderContext): string {
  if (state.ended) return '';
  const { calls, finishes } = heldOf(state);
  const to = { state, context };
  let text = state.started ? '' : renderStart('', context);
  for (const block of state.open) {
    const call = calls.get(keyOf(block));
    const input = call ? objectOf(call.text) : null;
    if (call && input) text += calling(block, input, call.signature, to);
    else if (call?.signature) text += saying(block.choice, proofPart(call.signature), to);
  }
  for (const choice of [...heldOf(state).proofs.keys()]) text += prove(choice, to);
  for (const choice of new Set([0, ...state.begun.map((block) => block.choice)]))
    if (!state.finished.has(choice)) finishes.set(choice, ending.reason);
  const usage = ending.usage ?? state.usage;
  return text + renderTail(Object.assign(state, { usage }), context);
}
