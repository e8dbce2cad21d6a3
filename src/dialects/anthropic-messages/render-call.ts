import type {
  CacheMarker,
  Conversation,
  JsonObject,
  Loss,
  MediaSource,
  Part,
  Turn,
  Words,
} from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { lossesOfRest } from '#core/losses.ts';
import type { Target } from '#core/target.ts';
import { addressed, streaming } from './hosted.ts';

type Lose = (field: string, reason: string) => void;

/** A call of another dialect in this one's words. https://docs.anthropic.com/en/api/messages */
export function renderCall(conversation: Conversation, target: Target): { body: string; losses: Loss[] } {
  const losses = lossesOfRest(conversation);
  const lose: Lose = (field, reason) => {
    if (!losses.some((loss) => loss.field === field)) losses.push({ field, reason });
  };
  const c = conversation;
  const leading = c.turns.findIndex((turn) => turn.role !== 'system');
  const first = leading < 0 ? c.turns.length : leading;
  if (c.turns.slice(0, first).some((turn) => turn.name !== undefined)) lose(c.words.speaker, noNames);
  const tools = c.tools.filter((tool) => tool.schema !== null);
  const maxTokens = c.maxOutputTokens ?? target.defaultMaxOutputTokens;
  const thinking = renderThinking(c, maxTokens, lose);
  const config = { ...thinking.config, ...renderFormat(c, lose) };
  for (const setting of ['seed', 'frequencyPenalty', 'presencePenalty', 'logprobs'] as const)
    if (c[setting] !== null) lose(c.words[setting], 'the target has no such setting');
  if (c.choices > 1) lose(c.words.choices, 'the target gives one answer');
  const stops = c.stop.filter((word) => word.trim() !== '');
  if (stops.length < c.stop.length) lose(c.words.stop, 'the target takes none of nothing but white space');
  const body: JsonObject = {
    ...addressed(target),
    max_tokens: maxTokens,
    ...renderSystem(c.turns.slice(0, first)),
    messages: renderTurns(c, first, { thinks: thinking.on, lose }),
    ...(stops.length ? { stop_sequences: stops } : {}),
    ...renderSampling(c, thinking.field !== null && thinking.on, lose),
    ...(tools.length ? { tools: tools.map(renderTool), ...renderToolChoice(c, lose) } : {}),
    ...(thinking.field ? { thinking: thinking.field } : {}),
    ...(Object.keys(config).length ? { output_config: config } : {}),
    ...(c.endUser === null ? {} : { metadata: { user_id: c.endUser } }),
    ...(c.stream ? streaming(target) : {}),
  };
  boundMarkers(body, c, lose);
  return { body: JSON.stringify(body), losses };
}

/** One text, or blocks where one of them ends what is to be kept. */
function renderSystem(turns: readonly Turn[]): JsonObject {
  const texts = turns.flatMap(({ parts }) => parts.filter((part) => part.type === 'text'));
  if (texts.some((part) => part.cache))
    return { system: texts.map((part) => ({ type: 'text', text: part.text, ...renderCache(part) })) };
  const system = turns.map((turn) => textOf(turn.parts)).join('\n\n');
  return system === '' ? {} : { system };
}

/** Lifetimes are 5 minutes, which is usual, and an hour, which stands for what is longer. */
function renderCache({ cache }: { readonly cache?: CacheMarker }): JsonObject {
  if (!cache) return {};
  const { ttl } = cache;
  const kept = ttl === null ? {} : { ttl: ttl === '5m' ? '5m' : '1h' };
  return { cache_control: { type: 'ephemeral', ...kept } };
}

const maxMarkers = 4;

/** Of more markers than are taken the last ones count: each stands for all that comes before it. */
function boundMarkers(body: JsonObject, c: Conversation, lose: Lose): void {
  const marked: Record<string, unknown>[] = [];
  const walk = (value: unknown) => {
    if (Array.isArray(value)) for (const item of value) walk(item);
    else if (isObject(value)) {
      walk(value['content']);
      if (value['cache_control'] !== undefined) marked.push(value as Record<string, unknown>);
    }
  };
  for (const field of ['tools', 'system', 'messages']) walk(body[field]);
  if (marked.length <= maxMarkers) return;
  lose(c.words.cache, `the target takes ${maxMarkers}, and was given the last ones`);
  for (const block of marked.slice(0, -maxMarkers)) delete block['cache_control'];
}

const noNames = 'the target has no names of speakers';

const textOf = (parts: readonly Part[]): string =>
  parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');

/** Turns alternate here: what one side says in several turns is one, results of tools first. */
function renderTurns({ turns, words }: Conversation, first: number, how: Omit<How, 'words'>): JsonObject[] {
  const messages: { role: string; content: JsonObject[] }[] = [];
  for (const turn of turns.slice(first)) {
    const role = turn.role === 'tool' ? 'user' : turn.role;
    const content = turn.parts.flatMap((part) => renderPart(part, { ...how, words }));
    if (content.length === 0) continue;
    if (turn.name !== undefined) how.lose(words.speaker, noNames);
    const last = messages.at(-1);
    if (last?.role === role && role !== 'system') last.content.push(...content);
    else messages.push({ role, content });
  }
  for (const message of messages) {
    if (message.role === 'user')
      message.content.sort(
        (a, b) => Number(b['type'] === 'tool_result') - Number(a['type'] === 'tool_result'),
      );
  }
  return messages;
}

interface How {
  readonly words: Words;
  readonly thinks: boolean;
  readonly lose: Lose;
}

function renderPart(part: Part, how: How): JsonObject[] {
  const { words, thinks, lose } = how;
  switch (part.type) {
    case 'text':
      // Empty text is refused by this API, and says nothing.
      return part.text === '' ? [] : [{ type: 'text', text: part.text, ...renderCache(part) }];
    case 'refusal':
      return part.text === '' ? [] : [{ type: 'text', text: part.text }];
    case 'image':
      if (part.detail !== undefined) lose(words.imageDetail, 'the target has no such setting');
      return renderMedia('image', part.source, how).map((block) => ({ ...block, ...renderCache(part) }));
    case 'document':
      return renderMedia('document', part.source, how).map((block) => ({
        ...block,
        ...(part.name === undefined ? {} : { title: part.name }),
        ...renderCache(part),
      }));
    case 'audio':
      lose(words.audio, 'the target hears nothing');
      return [];
    case 'video':
      lose(words.video, 'the target sees no moving pictures');
      return [];
    case 'reasoning':
      if (!thinks) {
        if (part.text !== '' || part.sealed !== null)
          lose(words.reasoningPart, 'the target does not think in this call');
        return [];
      }
      if (part.sealed !== null) return [{ type: 'redacted_thinking', data: part.sealed }];
      if (part.signature !== null)
        return [{ type: 'thinking', thinking: part.text, signature: part.signature }];
      lose(words.reasoningPart, 'reasoning without its signature is not accepted back');
      return [];
    case 'tool-call':
      return [
        {
          type: 'tool_use',
          id: part.id,
          name: part.name,
          input: parseArguments(part.arguments, lose),
          ...renderCache(part),
        },
      ];
    case 'tool-result':
      return [
        {
          type: 'tool_result',
          tool_use_id: part.callId,
          content: part.parts.flatMap((inner) => renderPart(inner, { ...how, thinks: false })),
          ...(part.isError ? { is_error: true } : {}),
          ...renderCache(part),
        },
      ];
    default:
      return [];
  }
}

function renderMedia(type: 'image' | 'document', source: MediaSource, { words, lose }: How): JsonObject[] {
  switch (source.kind) {
    case 'base64':
      return [
        {
          type,
          source:
            source.mediaType === 'text/plain'
              ? {
                  type: 'text',
                  media_type: 'text/plain',
                  data: Buffer.from(source.data, 'base64').toString('utf8'),
                }
              : { type: 'base64', media_type: source.mediaType, data: source.data },
        },
      ];
    case 'url':
      return [{ type, source: { type: 'url', url: source.url } }];
    case 'file':
      lose(words.file, 'a file id belongs to the provider that gave it');
      return [];
  }
}

/** Arguments are an object here. What the model wrote that is none is kept under a name that says so. */
function parseArguments(text: string, lose: Lose): JsonObject {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // Said below.
  }
  lose('messages[].tool_calls[].function.arguments', 'not a JSON object, sent as { "text": … }');
  return { text };
}

function renderTool(tool: Conversation['tools'][number]): JsonObject {
  return {
    name: tool.name,
    ...(tool.description === null ? {} : { description: tool.description }),
    input_schema: { type: 'object', ...tool.schema },
    ...(tool.strict ? { strict: true } : {}),
    ...renderCache(tool),
  };
}

function renderToolChoice({ toolChoice, parallelToolCalls, words }: Conversation, lose: Lose): JsonObject {
  const single = parallelToolCalls === false ? { disable_parallel_tool_use: true } : {};
  if (!toolChoice) return parallelToolCalls === false ? { tool_choice: { type: 'auto', ...single } } : {};
  if ('among' in toolChoice) lose(words.toolChoice, 'the target chooses among all tools, or is given one');
  switch (toolChoice.type) {
    case 'named':
      return { tool_choice: { type: 'tool', name: toolChoice.name, ...single } };
    case 'required':
      return { tool_choice: { type: 'any', ...single } };
    case 'none':
      return { tool_choice: { type: 'none' } };
    default:
      return { tool_choice: { type: 'auto', ...single } };
  }
}

function renderSampling(c: Conversation, thinks: boolean, lose: Lose): JsonObject {
  if (thinks) {
    if (c.temperature !== null && c.temperature !== 1)
      lose(c.words.temperature, 'not accepted while the model thinks');
    if (c.topK !== null) lose(c.words.topK, 'not accepted while the model thinks');
    if (c.topP === null) return {};
    if (c.topP >= 0.95) return { top_p: c.topP };
    lose(c.words.topP, 'below 0.95 not accepted while the model thinks');
    return {};
  }
  if (c.temperature !== null && c.temperature > 1)
    lose(c.words.temperature, 'the target goes up to 1, which is used');
  if (c.temperature !== null && c.topP !== null)
    lose(c.words.topP, 'the target takes it or temperature, not both');
  return {
    ...(c.temperature === null ? {} : { temperature: Math.min(1, c.temperature) }),
    ...(c.topP === null || c.temperature !== null ? {} : { top_p: c.topP }),
    ...(c.topK === null ? {} : { top_k: c.topK }),
  };
}

function renderFormat({ outputFormat, words }: Conversation, lose: Lose): JsonObject {
  if (!outputFormat) return {};
  if (outputFormat.type === 'json') {
    lose(words.outputFormat, 'the target has no free JSON mode; give it a schema');
    return {};
  }
  return { format: { type: 'json_schema', schema: outputFormat.schema } };
}

export const leastBudget = 1024;
/** https://docs.anthropic.com/en/docs/build-with-claude/effort */
const efforts: Readonly<Record<string, string>> = {
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'xhigh',
  max: 'max',
};

/**
 * Thinking cannot be combined with a forced tool, nor begin in the middle of a tool loop whose first steps carry no signed
 * thinking: then it is left off, and that is said.
 */
function renderThinking(
  c: Conversation,
  maxTokens: number,
  lose: Lose,
): { on: boolean; field: JsonObject | null; config: JsonObject } {
  const { reasoning } = c;
  const signed = c.turns.some((turn) =>
    turn.parts.some((part) => part.type === 'reasoning' && (part.signature !== null || part.sealed !== null)),
  );
  if (!reasoning) return { on: signed, field: null, config: {} };
  if (!reasoning.enabled) return { on: false, field: { type: 'disabled' }, config: {} };
  const effort = reasoning.effort === null ? undefined : efforts[reasoning.effort];
  const config = effort === undefined ? {} : { effort };
  if (reasoning.effort !== null && effort === undefined)
    lose(c.words.reasoning, `the target knows no effort "${reasoning.effort}"`);
  const why = whyNotThink(c);
  if (why !== null) {
    lose(c.words.reasoning, why);
    return { on: false, field: null, config };
  }
  if (reasoning.budgetTokens === null) return { on: true, field: { type: 'adaptive' }, config };
  const budget = Math.max(leastBudget, Math.min(reasoning.budgetTokens, maxTokens - 1));
  if (budget >= maxTokens) {
    lose(
      c.words.reasoning,
      `thinking takes at least ${leastBudget} tokens, and the answer may have ${maxTokens}`,
    );
    return { on: false, field: null, config };
  }
  return { on: true, field: { type: 'enabled', budget_tokens: budget }, config };
}

function whyNotThink(c: Conversation): string | null {
  if (c.toolChoice?.type === 'required' || c.toolChoice?.type === 'named')
    return 'the target does not think when a tool is forced';
  const lastUser = c.turns.findLastIndex((turn) => turn.role === 'user');
  const inLoop = c.turns
    .slice(lastUser + 1)
    .find((turn) => turn.role === 'assistant' && turn.parts.some((part) => part.type === 'tool-call'));
  const carried = inLoop?.parts.some(
    (part) => part.type === 'reasoning' && (part.signature !== null || part.sealed !== null),
  );
  return inLoop && !carried ? 'the tool loop under way carries no signed thinking' : null;
}
