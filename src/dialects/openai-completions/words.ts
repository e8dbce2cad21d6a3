import type { Words } from '#core/call.ts';

/** Names of this dialect's fields, where they are not those of the chat beside it. */
export const ownWords: Partial<Words> = {
  maxOutputTokens: 'max_tokens',
  logprobs: 'logprobs',
};
