import type { Conversation, JsonObject, Loss, Part, Turn } from '#core/call.ts';
import type { CallLine, Dialect } from '#core/contracts/dialect.ts';
import { lossesOfRest } from '#core/losses.ts';
import { invalidField, optional, readCount, readString } from '#core/read-json.ts';
import type { Target } from '#core/target.ts';
import { ownWords } from './words.ts';

/** What the vendor takes where nothing is said. */
export const defaultMaxTokens = 16;
/** Values that ask for nothing: leaving them out changes nothing. */
const neutral: Readonly<Record<string, unknown>> = { echo: false, best_of: 1, suffix: '' };

/** A prompt is what a user says. https://platform.openai.com/docs/api-reference/completions/create */
export function parseCall(body: JsonObject, line: CallLine, chat: Dialect): Conversation {
  const { prompt, logprobs, max_tokens: cap, ...settings } = body;
  const others = optional(logprobs, 'logprobs', readCount);
  const conversation = chat.client.parseCall(
    {
      ...settings,
      messages: [{ role: 'user', content: readPrompt(prompt) }],
      max_tokens: cap ?? defaultMaxTokens,
      ...(others === null ? {} : { logprobs: true, top_logprobs: others }),
    },
    line,
  );
  const rest = Object.entries(conversation.rest).filter(([key, value]) => neutral[key] !== value);
  return {
    ...conversation,
    dialect: 'openai-completions',
    words: { ...conversation.words, ...ownWords },
    rest: Object.fromEntries(rest),
  };
}

function readPrompt(prompt: unknown): string {
  if (!Array.isArray(prompt)) return readString(prompt ?? '', 'prompt');
  if (prompt.length === 1 && typeof prompt[0] === 'string') return prompt[0];
  const kind = typeof prompt[0] === 'string' ? 'several prompts' : 'a prompt in tokens';
  throw invalidField('prompt', `one text (a target of another dialect cannot be given ${kind})`, prompt);
}

/** One turn of the user's is the prompt as it is; several are written down, and the answer is what comes next. */
function promptOf(turns: readonly Turn[]): string {
  const [only] = turns;
  if (turns.length === 1 && only!.role === 'user') return textOf(only!.parts);
  const speakers = { system: 'System', user: 'User', assistant: 'Assistant', tool: 'Tool' };
  return [...turns.map(({ role, parts }) => `${speakers[role]}: ${textOf(parts)}`), 'Assistant:'].join(
    '\n\n',
  );
}

function textOf(parts: readonly Part[]): string {
  return parts
    .map((part) => {
      switch (part.type) {
        case 'text':
        case 'refusal':
          return part.text;
        case 'tool-call':
          return `${part.name}(${part.arguments})`;
        case 'tool-result':
          return textOf(part.parts);
        default:
          return '';
      }
    })
    .join('');
}

type Media = Extract<Part['type'], 'image' | 'document' | 'audio' | 'video'>;
const media: ReadonlySet<string> = new Set<Media>(['image', 'document', 'audio', 'video']);

/** A call of another dialect as a prompt, with the settings that it has in common with the chat beside it. */
export function renderCall(
  conversation: Conversation,
  target: Target,
  chat: Dialect,
): { body: string; losses: Loss[] } {
  const c = conversation;
  const { words } = c;
  const losses = lossesOfRest(c);
  const lose = (field: string, reason: string) => {
    if (!losses.some((loss) => loss.field === field)) losses.push({ field, reason });
  };
  if (c.turns.length > 1 || c.turns[0]?.role !== 'user')
    lose('messages', 'the target takes a text: the turns are written down in one');
  const walk = (parts: readonly Part[]): void => {
    for (const part of parts) {
      if (media.has(part.type)) lose(words[part.type as Media], 'the target reads nothing but text');
      if (part.type === 'reasoning') lose(words.reasoningPart, 'the target takes no reasoning back');
      if ('cache' in part) lose(words.cache, 'the target chooses what it keeps');
      if (part.type === 'tool-result') {
        if (part.isError) lose(words.toolResultError, 'the target has no mark for failed tools');
        walk(part.parts);
      }
    }
  };
  for (const { parts, name } of c.turns) {
    if (name !== undefined) lose(words.speaker, 'the target has no names of speakers');
    walk(parts);
  }
  if (c.tools.some(({ schema }) => schema !== null) && c.toolChoice?.type !== 'none')
    lose(words.tools, 'the target calls no tools');
  if (c.outputFormat) lose(words.outputFormat, 'the target has no such setting');
  if (c.reasoning?.enabled) lose(words.reasoning, 'the target has no such setting');
  const plain: Conversation = {
    ...c,
    rest: {},
    turns: [],
    tools: [],
    toolChoice: null,
    parallelToolCalls: null,
    outputFormat: null,
    reasoning: null,
  };
  const rendered = chat.provider.renderCall(plain, target);
  for (const { field, reason } of rendered.losses) lose(field, reason);
  const {
    model,
    messages: _messages,
    max_completion_tokens: cap,
    logprobs,
    top_logprobs: others,
    ...settings
  } = JSON.parse(rendered.body) as JsonObject;
  const body = {
    model,
    prompt: promptOf(c.turns),
    ...(cap === undefined ? {} : { max_tokens: cap }),
    ...(logprobs === true ? { logprobs: others ?? 0 } : {}),
    ...settings,
  };
  return { body: JSON.stringify(body), losses };
}
