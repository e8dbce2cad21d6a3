import type { AnswerEvent } from './answer.ts';
import type { Conversation, Loss, Part } from './call.ts';

/**
 * State that only the provider who made it understands: proofs of reasoning, encrypted reasoning. On its way into another
 * dialect it is marked with its maker's name, so that it goes back to that provider only, however the next call is routed.
 */
const mark = 'slc1:';

/** Does a text hold marked state? Before it is parsed, so that nearly all calls are only searched. */
export const holdsState = (text: { includes(part: string): boolean }): boolean =>
  text.includes(mark) || text.includes(markInBase64);

/** What base64 of marked state begins with, whatever the mark is followed by. */
const markInBase64 = 'c2xjMT';

/** Marked state where a dialect's states are bytes, and so base64: its clients may take it apart and put it together. */
export const toBytes = (state: string): string =>
  state.startsWith(mark) ? Buffer.from(state, 'utf8').toString('base64') : state;

/** The inverse. A provider's own state stays as it is. */
export function fromBytes(text: string): string {
  if (!text.startsWith(markInBase64)) return text;
  const state = Buffer.from(text, 'base64').toString('utf8');
  return state.startsWith(mark) ? state : text;
}

const seal = (state: string, provider: string): string => `${mark}${provider}:${state}`;

/** The state as its maker gave it; null for what another made. `bare` is what becomes of state without a mark. */
export function openState(state: string, provider: string, bare: 'keep' | 'drop'): string | null {
  if (!state.startsWith(mark)) return bare === 'keep' ? state : null;
  const own = `${mark}${provider}:`;
  return state.startsWith(own) ? state.slice(own.length) : null;
}

/** An event of a provider's answer as a client of another dialect is to see it. */
export function sealEvent(event: AnswerEvent, provider: string): AnswerEvent {
  if (event.type === 'signature') return { ...event, signature: seal(event.signature, provider) };
  if (event.type === 'block-start' && event.sealed !== undefined)
    return { ...event, sealed: seal(event.sealed, provider) };
  return event;
}

/** A call with the state that a provider made, and no other's. Whose state has no mark is not known, so it stays out. */
export function openConversation(
  conversation: Conversation,
  provider: string,
): { readonly conversation: Conversation; readonly losses: readonly Loss[] } {
  const losses = new Map<string, Loss>();
  const lose = (field: string) =>
    void losses.set(field, { field, reason: 'it goes back only to the provider that made it' });
  const { words } = conversation;
  const open = (part: Part): Part[] => {
    if (part.type === 'tool-call' && part.signature !== undefined) {
      const { signature, ...call } = part;
      const state = openState(signature, provider, 'drop');
      if (state === null) lose(words.toolCallSignature);
      return [state === null ? call : { ...call, signature: state }];
    }
    if (part.type !== 'reasoning' || (part.signature ?? part.sealed) === null) return [part];
    const signature = part.signature === null ? null : openState(part.signature, provider, 'drop');
    const sealed = part.sealed === null ? null : openState(part.sealed, provider, 'drop');
    if (signature !== null || sealed !== null) return [{ ...part, signature, sealed }];
    // Text without its proof is left to the dialect: some take it back.
    if (part.text !== '') return [{ ...part, signature: null, sealed: null }];
    lose(part.sealed === null ? words.reasoningPart : words.sealedPart);
    return [];
  };
  const holds = ({ parts }: { readonly parts: readonly Part[] }) =>
    parts.some(
      (part) =>
        (part.type === 'reasoning' && (part.signature ?? part.sealed) !== null) ||
        (part.type === 'tool-call' && part.signature !== undefined),
    );
  if (!conversation.turns.some(holds)) return { conversation, losses: [] };
  const turns = conversation.turns.map((turn) =>
    holds(turn) ? { ...turn, parts: turn.parts.flatMap(open) } : turn,
  );
  return { conversation: { ...conversation, turns }, losses: [...losses.values()] };
}
