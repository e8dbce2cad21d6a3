import {
  advance,
  newStreamState,
  type AnswerEvent,
  type BlockStart,
  type Citation,
  type FinishReason,
} from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { RenderContext } from '#core/contracts/dialect.ts';
import { toBytes } from '#core/opaque-state.ts';
import { callOf, endOf, inputOf, isOwn } from './answer-parts.ts';
import { withNoProof, withProofs } from './proof.ts';
import { renderUsage } from './usage.ts';

const keyOf = ({ choice, block }: { readonly choice: number; readonly block: number }): string =>
  `${choice}/${block}`;

/** https://ai.google.dev/api/generate-content#GenerateContentResponse */
export function renderAnswer(events: readonly AnswerEvent[], context: RenderContext): string {
  const state = newStreamState();
  const candidates = new Map<number, { parts: JsonObject[]; reason: FinishReason; citations: Citation[] }>();
  const made = new Map<string, { part: Record<string, unknown>; text: string; kind: BlockStart['kind'] }>();
  const at = (choice: number) => {
    let of = candidates.get(choice);
    if (!of) candidates.set(choice, (of = { parts: [], reason: 'stop', citations: [] }));
    return of;
  };
  for (const event of events) {
    advance(state, event);
    if (!('choice' in event)) continue;
    const of = at(event.choice);
    if (event.type === 'finish') of.reason = event.reason;
    else if (event.type === 'citation') of.citations.push(event.citation);
    else if (event.type === 'block-start') {
      if (event.sealed !== undefined || (event.kind === 'opaque' && !(event.raw && isOwn(event.raw))))
        continue;
      const part: Record<string, unknown> = event.kind === 'opaque' ? { ...event.raw } : {};
      if (event.kind === 'tool-call') Object.assign(part, callOf(event, {}, null));
      made.set(keyOf(event), { part, text: '', kind: event.kind });
      of.parts.push(part);
    } else if ('block' in event) {
      const entry = made.get(keyOf(event));
      if (entry && event.type === 'delta') entry.text += event.text;
      if (entry && event.type === 'signature') entry.part['thoughtSignature'] = toBytes(event.signature);
    }
  }
  for (const { part, text, kind } of made.values()) {
    if (kind === 'tool-call')
      part['functionCall'] = { ...(part['functionCall'] as object), args: inputOf(text) };
    else if (kind !== 'opaque')
      Object.assign(part, { text, ...(kind === 'reasoning' ? { thought: true } : {}) });
  }
  if (candidates.size === 0) at(0);
  return JSON.stringify({
    candidates: [...candidates].map(([index, { parts, reason, citations }]) => ({
      content: { parts: withNoProof(withProofs(parts)), role: 'model' },
      ...endOf(reason, citations),
      index,
    })),
    ...(state.usage ? { usageMetadata: renderUsage(state.usage) } : {}),
    modelVersion: context.model,
    responseId: state.id || context.exchangeId,
  });
}
