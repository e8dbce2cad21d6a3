import { estimateTokens } from './contracts/token-counter.ts';
import type { Conversation, JsonObject, Part } from './call.ts';

/** What policies put in the place of a client's call. */
export interface RevisedCall {
  readonly conversation: Conversation;
  /** Name of another model that is to answer; absent: the one that was asked for. */
  readonly model?: string;
  /**
   * The body without what was said to the gateway in it, which its dialect reads; absent: the client's own. What of it the revision
   * leaves as it was goes to a provider of the same dialect unchanged.
   */
  readonly body?: JsonObject;
}

/** What each turn takes beside its text, in bytes. */
const aroundTurn = 16;

/** Tokens by which a conversation is longer than another, by estimate from bytes; below 0 where it is shorter. */
export const tokensBeyond = (conversation: Conversation, other: Conversation): number =>
  estimateTokens(bytesOf(conversation)) - estimateTokens(bytesOf(other));

function bytesOf({ turns }: Conversation): number {
  let bytes = turns.length * aroundTurn;
  const walk = (parts: readonly Part[]) => {
    for (const part of parts) {
      if ('text' in part) bytes += Buffer.byteLength(part.text);
      else if (part.type === 'tool-call') bytes += Buffer.byteLength(part.arguments);
      else if (part.type === 'tool-result') walk(part.parts);
    }
  };
  for (const { parts } of turns) walk(parts);
  return bytes;
}
