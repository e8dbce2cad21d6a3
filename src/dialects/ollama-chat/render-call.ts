import type { Conversation, JsonObject, Loss, Part, ToolCallPart, Turn, Words } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { lossesOfRest } from '#core/losses.ts';
import type { Target } from '#core/target.ts';

interface How {
  readonly words: Words;
  readonly lose: (field: string, reason: string) => void;
  /** Names of the tools called so far, by the calls' ids: results are sent with them. */
  readonly names: Map<string, string>;
}

const noSuch = 'the target has no such setting';

/** A call of another dialect in this one's words. https://docs.ollama.com/api/chat */
export function renderCall(conversation: Conversation, target: Target): { body: string; losses: Loss[] } {
  const losses = lossesOfRest(conversation);
  const how: How = {
    words: conversation.words,
    names: new Map(),
    lose(field, reason) {
      if (!losses.some((loss) => loss.field === field)) losses.push({ field, reason });
    },
  };
  const c = conversation;
  const { words, lose } = how;
  if (c.choices > 1) lose(words.choices, 'the target gives one answer');
  if (c.parallelToolCalls === false) lose(words.parallelToolCalls, noSuch);
  if (c.endUser !== null) lose(words.endUser, noSuch);
  const tools = renderTools(c, how);
  const options = {
    ...(c.maxOutputTokens === null ? {} : { num_predict: c.maxOutputTokens }),
    ...(c.stop.length ? { stop: c.stop } : {}),
    ...(c.temperature === null ? {} : { temperature: c.temperature }),
    ...(c.topP === null ? {} : { top_p: c.topP }),
    ...(c.topK === null ? {} : { top_k: c.topK }),
    ...(c.seed === null ? {} : { seed: c.seed }),
    ...(c.frequencyPenalty === null ? {} : { frequency_penalty: c.frequencyPenalty }),
    ...(c.presencePenalty === null ? {} : { presence_penalty: c.presencePenalty }),
  };
  const body: JsonObject = {
    model: target.model,
    messages: c.turns.flatMap((turn) => renderTurn(turn, how)),
    // Said in any case: left out, it would stream.
    stream: c.stream,
    ...(tools.length ? { tools } : {}),
    ...(c.outputFormat ? { format: c.outputFormat.type === 'json' ? 'json' : c.outputFormat.schema } : {}),
    ...renderThink(c, how),
    ...(c.logprobs === null ? {} : { logprobs: true, top_logprobs: c.logprobs }),
    ...(Object.keys(options).length ? { options } : {}),
  };
  return { body: JSON.stringify(body), losses };
}

/** Whether it calls a tool is the model's to choose; among which, is carried by giving it those alone, or none. */
function renderTools(c: Conversation, { words, lose }: How): JsonObject[] {
  const { toolChoice } = c;
  if (toolChoice?.type === 'none') return [];
  const among =
    toolChoice?.type === 'named'
      ? [toolChoice.name]
      : toolChoice && 'among' in toolChoice
        ? toolChoice.among
        : null;
  const tools = c.tools.filter((tool) => tool.schema !== null && (among?.includes(tool.name) ?? true));
  if (tools.length > 0 && (toolChoice?.type === 'required' || toolChoice?.type === 'named'))
    lose(words.toolChoice, 'the target cannot be made to call a tool');
  if (tools.some((tool) => tool.strict)) lose(words.toolStrict, noSuch);
  if (tools.some((tool) => tool.cache)) lose(words.cache, 'the target chooses what it keeps');
  return tools.map((tool) => ({
    type: 'function',
    function: {
      name: tool.name,
      ...(tool.description === null ? {} : { description: tool.description }),
      parameters: tool.schema,
    },
  }));
}

const levels: Readonly<Record<string, string>> = {
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
};

/** A budget of tokens becomes the nearest level; above `high` there is none. https://docs.ollama.com/capabilities/thinking */
function renderThink({ reasoning }: Conversation, { words, lose }: How): JsonObject {
  if (!reasoning) return {};
  if (!reasoning.enabled) return { think: false };
  const { effort, budgetTokens } = reasoning;
  if (effort !== null) {
    if (!Object.hasOwn(levels, effort)) lose(words.reasoning, 'the target goes up to "high", which is used');
    return { think: levels[effort] ?? 'high' };
  }
  if (budgetTokens === null) return { think: true };
  return { think: budgetTokens <= 4096 ? 'low' : budgetTokens <= 16_384 ? 'medium' : 'high' };
}

function renderTurn(turn: Turn, how: How): JsonObject[] {
  const { words, lose } = how;
  if (turn.name !== undefined) lose(words.speaker, 'the target has no names of speakers');
  for (const part of turn.parts) if ('cache' in part) lose(words.cache, 'the target chooses what it keeps');
  if (turn.role === 'tool') return renderResults(turn, how);
  const content = textOf(turn.parts, how);
  const images = imagesOf(turn.parts, how);
  if (turn.role !== 'assistant') {
    if (content === '' && images.length === 0) return [];
    return [{ role: turn.role, content, ...(images.length ? { images } : {}) }];
  }
  const thinking = thinkingOf(turn.parts, how);
  const calls = turn.parts.filter((part) => part.type === 'tool-call');
  return [
    {
      role: 'assistant',
      content,
      ...(thinking === '' ? {} : { thinking }),
      ...(images.length ? { images } : {}),
      ...(calls.length ? { tool_calls: calls.map((call) => renderToolCall(call, how)) } : {}),
    },
  ];
}

/** Ids go along for servers that know them; the others pair results by the tools' names. */
function renderToolCall(call: ToolCallPart, how: How): JsonObject {
  how.names.set(call.id, call.name);
  if (call.signature !== undefined)
    how.lose(how.words.toolCallSignature, 'it is proof to the provider that made it alone');
  return { id: call.id, function: { name: call.name, arguments: parseArguments(call.arguments, how) } };
}

/** Arguments are an object here. What the model wrote that is none is kept under a name that says so. */
function parseArguments(text: string, { lose }: How): JsonObject {
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

/** A message for each result; their pictures follow all of them as the user's. */
function renderResults(turn: Turn, how: How): JsonObject[] {
  const { words, lose, names } = how;
  const results = turn.parts.filter((part) => part.type === 'tool-result');
  if (results.some(({ isError }) => isError))
    lose(words.toolResultError, 'the target has no mark for failed tools');
  const images = results.flatMap(({ parts }) => imagesOf(parts, how));
  if (images.length) lose(words.toolResult, "pictures of a result are sent as the user's");
  return [
    ...results.map(({ callId, parts }) => {
      const name = names.get(callId);
      return {
        role: 'tool',
        content: textOf(parts, how),
        ...(name === undefined ? {} : { tool_name: name }),
        tool_call_id: callId,
      };
    }),
    ...(images.length ? [{ role: 'user', content: '', images }] : []),
  ];
}

function thinkingOf(parts: readonly Part[], { words, lose }: How): string {
  let text = '';
  for (const part of parts) {
    if (part.type !== 'reasoning') continue;
    if (part.sealed !== null) lose(words.sealedPart, 'reasoning goes back only to the provider that made it');
    text += part.text;
  }
  return text;
}

/** What can be told in words. */
function textOf(parts: readonly Part[], { words, lose }: How): string {
  let text = '';
  for (const part of parts) {
    switch (part.type) {
      case 'text':
      case 'refusal':
        text += part.text;
        break;
      case 'document':
        if (part.source.kind === 'base64' && part.source.mediaType === 'text/plain') {
          if (part.name !== undefined) lose(words.documentName, 'the text is sent without it');
          text += Buffer.from(part.source.data, 'base64').toString('utf8');
        } else lose(words.document, 'the target reads no documents but plain text');
        break;
      case 'audio':
        lose(words.audio, 'the target hears nothing');
        break;
      case 'video':
        lose(words.video, 'the target sees no moving pictures');
        break;
      default:
        break;
    }
  }
  return text;
}

function imagesOf(parts: readonly Part[], { words, lose }: How): string[] {
  return parts.flatMap((part) => {
    if (part.type !== 'image') return [];
    if (part.detail !== undefined) lose(words.imageDetail, noSuch);
    if (part.source.kind === 'base64') return [part.source.data];
    if (part.source.kind === 'url') lose(words.image, 'the target takes pictures only as data');
    else lose(words.file, 'a file id belongs to the provider that gave it');
    return [];
  });
}
