import type { Conversation, JsonObject, Words } from './call.ts';
import type { Work } from './work.ts';

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
