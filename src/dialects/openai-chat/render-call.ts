import type {
  Conversation,
  JsonObject,
  Loss,
  MediaSource,
  Part,
  ToolChoice,
  Turn,
  Words,
} from '#core/call.ts';
import { lossesOfRest } from '#core/losses.ts';
import type { Target } from '#core/target.ts';
import { fittingId } from './other-names.ts';

const maxStops = 4;

/** A call of another dialect in this one's words. https://platform.openai.com/docs/api-reference/chat/create */
export function renderCall(conversation: Conversation, target: Target): { body: string; losses: Loss[] } {
  const losses = lossesOfRest(conversation);
  const lose: Lose = (field, reason) => {
    if (!losses.some((loss) => loss.field === field)) losses.push({ field, reason });
  };
  const { quirks } = target.provider;
  const c = conversation;
  const tools = c.tools.filter((tool) => tool.schema !== null);
  if (tools.some((tool) => tool.cache)) lose(c.words.cache, 'the target chooses what it keeps');
  if (c.topK !== null) lose(c.words.topK, 'the target has no such setting');
  if (c.stop.length > maxStops) lose(c.words.stop, `the target takes ${maxStops}`);
  const body: JsonObject = {
    model: target.model,
    messages: c.turns.flatMap((turn) =>
      renderTurn(turn, {
        reasoningField: quirks.reasoningField ?? null,
        idLength: quirks.toolCallIdLength,
        words: c.words,
        lose,
      }),
    ),
    ...(c.maxOutputTokens === null
      ? {}
      : { [quirks.maxTokensField ?? 'max_completion_tokens']: c.maxOutputTokens }),
    ...(c.choices > 1 ? { n: c.choices } : {}),
    ...(c.stop.length ? { stop: c.stop.slice(0, maxStops) } : {}),
    ...(c.temperature === null ? {} : { temperature: c.temperature }),
    ...(c.topP === null ? {} : { top_p: c.topP }),
    ...(c.seed === null ? {} : { [quirks.seedField ?? 'seed']: c.seed }),
    ...(c.frequencyPenalty === null ? {} : { frequency_penalty: c.frequencyPenalty }),
    ...(c.presencePenalty === null ? {} : { presence_penalty: c.presencePenalty }),
    ...(c.logprobs === null ? {} : { logprobs: true, top_logprobs: c.logprobs }),
    ...(c.endUser === null ? {} : { user: c.endUser }),
    ...(tools.length ? { tools: tools.map(renderTool) } : {}),
    ...(c.toolChoice && tools.length
      ? { tool_choice: renderToolChoice(c.toolChoice, quirks.requiredChoice) }
      : {}),
    ...(c.parallelToolCalls === null || tools.length === 0
      ? {}
      : { parallel_tool_calls: c.parallelToolCalls }),
    ...renderFormat(c),
    ...renderReasoning(c),
    ...(c.stream
      ? { stream: true, ...(quirks.asksUsage === false ? {} : { stream_options: { include_usage: true } }) }
      : {}),
  };
  const refused = (quirks.refusesFields ?? []).filter((field) => field in body);
  for (const field of refused)
    if (field in asked) lose(c.words[asked[field]!], 'the target has no such setting');
  const given = Object.entries(body).filter(([field]) => !refused.includes(field));
  return { body: JSON.stringify(Object.fromEntries(given)), losses };
}

/** Of the fields that some providers refuse: what asked for them. */
const asked: Readonly<Record<string, keyof Words>> = {
  user: 'endUser',
  logprobs: 'logprobs',
  seed: 'seed',
  n: 'choices',
  frequency_penalty: 'frequencyPenalty',
  presence_penalty: 'presencePenalty',
  parallel_tool_calls: 'parallelToolCalls',
  reasoning_effort: 'reasoning',
  response_format: 'outputFormat',
};

type Lose = (field: string, reason: string) => void;

interface How {
  readonly words: Words;
  readonly reasoningField: string | null;
  readonly idLength: number | undefined;
  readonly lose: Lose;
}

function renderTurn(turn: Turn, how: How): JsonObject[] {
  for (const part of turn.parts)
    if ('cache' in part) how.lose(how.words.cache, 'the target chooses what it keeps');
  const named = turn.name === undefined ? {} : { name: turn.name };
  switch (turn.role) {
    case 'system':
      return [{ role: 'system', content: textOf(turn.parts), ...named }];
    case 'assistant':
      return [renderAssistant(turn, how)];
    case 'tool':
      return renderResults(turn, how);
    default: {
      const parts = turn.parts.flatMap((part) => renderPart(part, how));
      const [only] = parts;
      const content = parts.length === 1 && only!['type'] === 'text' ? only!['text'] : parts;
      return parts.length ? [{ role: 'user', content, ...named }] : [];
    }
  }
}

const onlyHome = 'reasoning goes back only to the provider that made it';

function renderAssistant(turn: Turn, { reasoningField, idLength, words, lose }: How): JsonObject {
  const calls = turn.parts.filter((part) => part.type === 'tool-call');
  const refusal = turn.parts.find((part) => part.type === 'refusal');
  const reasoning = turn.parts.filter((part) => part.type === 'reasoning');
  if (reasoning.length && reasoningField === null) {
    lose(words.reasoningPart, onlyHome);
  } else if (reasoning.some((part) => part.sealed !== null)) {
    lose(words.sealedPart, onlyHome);
  }
  const text = textOf(turn.parts);
  return {
    role: 'assistant',
    content: text === '' && (calls.length || refusal) ? null : text,
    ...(refusal ? { refusal: refusal.text } : {}),
    ...(reasoning.length && reasoningField !== null
      ? { [reasoningField]: reasoning.map((part) => part.text).join('') }
      : {}),
    ...(calls.length
      ? {
          tool_calls: calls.map((call) => ({
            id: fittingId(call.id, idLength),
            type: 'function',
            function: { name: call.name, arguments: call.arguments },
          })),
        }
      : {}),
  };
}

/** Results are text here; their pictures follow all of them as the user's, since nothing may stand between results. */
function renderResults(turn: Turn, how: How): JsonObject[] {
  const { words, lose } = how;
  const results = turn.parts.filter((part) => part.type === 'tool-result');
  if (results.some(({ isError }) => isError))
    lose(words.toolResultError, 'the target has no mark for failed tools');
  const media = results
    .flatMap(({ parts }) => parts)
    .flatMap((part) => (part.type === 'text' ? [] : renderPart(part, how)));
  if (media.length) lose(words.toolResult, "media of a result are sent as the user's");
  return [
    ...results.map(({ callId, parts }) => ({
      role: 'tool',
      tool_call_id: fittingId(callId, how.idLength),
      content: textOf(parts),
    })),
    ...(media.length ? [{ role: 'user', content: media }] : []),
  ];
}

const textOf = (parts: readonly Part[]): string =>
  parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');

function renderPart(part: Part, { words, lose }: How): JsonObject[] {
  switch (part.type) {
    case 'text':
      return [{ type: 'text', text: part.text }];
    case 'image': {
      const url = urlOf(part.source);
      if (url !== null)
        return [
          {
            type: 'image_url',
            image_url: { url, ...(part.detail === undefined ? {} : { detail: part.detail }) },
          },
        ];
      lose(words.file, 'a file id belongs to the provider that gave it');
      return [];
    }
    case 'video':
      lose(words.video, 'the target sees no moving pictures');
      return [];
    case 'audio':
      return [{ type: 'input_audio', input_audio: { data: part.data, format: part.format } }];
    case 'document': {
      const { source } = part;
      if (source.kind === 'base64' && source.mediaType !== 'text/plain') {
        const filename = part.name ?? 'document.pdf';
        return [
          { type: 'file', file: { filename, file_data: `data:${source.mediaType};base64,${source.data}` } },
        ];
      }
      if (source.kind === 'base64') {
        if (part.name !== undefined) lose(words.documentName, 'the text is sent without it');
        return [{ type: 'text', text: Buffer.from(source.data, 'base64').toString('utf8') }];
      }
      lose(words.document, 'the target takes documents only as data');
      return [];
    }
    default:
      return [];
  }
}

function urlOf(source: MediaSource): string | null {
  if (source.kind === 'url') return source.url;
  return source.kind === 'base64' ? `data:${source.mediaType};base64,${source.data}` : null;
}

function renderTool(tool: Conversation['tools'][number]): JsonObject {
  return {
    type: 'function',
    function: {
      name: tool.name,
      ...(tool.description === null ? {} : { description: tool.description }),
      parameters: tool.schema,
      ...(tool.strict === null ? {} : { strict: tool.strict }),
    },
  };
}

function renderToolChoice(choice: ToolChoice, required = 'required'): unknown {
  if (choice.type === 'named') return { type: 'function', function: { name: choice.name } };
  if (!('among' in choice)) return choice.type === 'required' ? required : choice.type;
  const tools = choice.among.map((name) => ({ type: 'function', function: { name } }));
  return { type: 'allowed_tools', allowed_tools: { mode: choice.type, tools } };
}

function renderFormat({ outputFormat }: Conversation): JsonObject {
  if (!outputFormat) return {};
  if (outputFormat.type === 'json') return { response_format: { type: 'json_object' } };
  const { name, schema, strict } = outputFormat;
  return {
    response_format: {
      type: 'json_schema',
      json_schema: { name, schema, ...(strict === null ? {} : { strict }) },
    },
  };
}

/** A budget of tokens has no word here: it becomes the nearest effort. Without either the model decides, as it does unasked. */
function renderReasoning({ reasoning }: Conversation): JsonObject {
  if (!reasoning) return {};
  if (!reasoning.enabled) return { reasoning_effort: 'none' };
  if (reasoning.effort !== null) return { reasoning_effort: reasoning.effort };
  if (reasoning.budgetTokens === null) return {};
  const effort =
    reasoning.budgetTokens <= 4096 ? 'low' : reasoning.budgetTokens <= 16_384 ? 'medium' : 'high';
  return { reasoning_effort: effort };
}
