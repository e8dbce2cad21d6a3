import type { Conversation, JsonObject, Loss, MediaSource, Part, ToolChoice, Turn } from '#core/call.ts';
import { lossesOfRest } from '#core/losses.ts';
import type { Target } from '#core/target.ts';

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
  if (c.topK !== null) lose('top_k', 'the target has no such setting');
  if (c.stop.length > maxStops) lose('stop_sequences', `the target takes ${maxStops}`);
  const body: JsonObject = {
    model: target.model,
    messages: c.turns.flatMap((turn) => renderTurn(turn, quirks.reasoningField ?? null, lose)),
    ...(c.maxOutputTokens === null
      ? {}
      : { [quirks.maxTokensField ?? 'max_completion_tokens']: c.maxOutputTokens }),
    ...(c.choices > 1 ? { n: c.choices } : {}),
    ...(c.stop.length ? { stop: c.stop.slice(0, maxStops) } : {}),
    ...(c.temperature === null ? {} : { temperature: c.temperature }),
    ...(c.topP === null ? {} : { top_p: c.topP }),
    ...(c.seed === null ? {} : { seed: c.seed }),
    ...(c.frequencyPenalty === null ? {} : { frequency_penalty: c.frequencyPenalty }),
    ...(c.presencePenalty === null ? {} : { presence_penalty: c.presencePenalty }),
    ...(c.logprobs === null ? {} : { logprobs: true, top_logprobs: c.logprobs }),
    ...(c.endUser === null ? {} : { user: c.endUser }),
    ...(tools.length ? { tools: tools.map(renderTool) } : {}),
    ...(c.toolChoice && tools.length ? { tool_choice: renderToolChoice(c.toolChoice) } : {}),
    ...(c.parallelToolCalls === null || tools.length === 0
      ? {}
      : { parallel_tool_calls: c.parallelToolCalls }),
    ...renderFormat(c),
    ...renderReasoning(c),
    ...(c.stream
      ? { stream: true, ...(quirks.asksUsage === false ? {} : { stream_options: { include_usage: true } }) }
      : {}),
  };
  return { body: JSON.stringify(body), losses };
}

type Lose = (field: string, reason: string) => void;

function renderTurn(turn: Turn, reasoningField: string | null, lose: Lose): JsonObject[] {
  const named = turn.name === undefined ? {} : { name: turn.name };
  switch (turn.role) {
    case 'system':
      return [{ role: 'system', content: textOf(turn.parts), ...named }];
    case 'assistant':
      return [renderAssistant(turn, reasoningField, lose)];
    case 'tool':
      return turn.parts.flatMap((part) => (part.type === 'tool-result' ? renderResult(part, lose) : []));
    default: {
      const parts = turn.parts.flatMap((part) => renderPart(part, lose));
      const [only] = parts;
      const content = parts.length === 1 && only!['type'] === 'text' ? only!['text'] : parts;
      return parts.length ? [{ role: 'user', content, ...named }] : [];
    }
  }
}

const onlyHome = 'reasoning goes back only to the provider that made it';

function renderAssistant(turn: Turn, reasoningField: string | null, lose: Lose): JsonObject {
  const calls = turn.parts.filter((part) => part.type === 'tool-call');
  const refusal = turn.parts.find((part) => part.type === 'refusal');
  const reasoning = turn.parts.filter((part) => part.type === 'reasoning');
  if (reasoning.length && reasoningField === null) {
    lose('messages[].content[thinking]', onlyHome);
  } else if (reasoning.some((part) => part.sealed !== null)) {
    lose('messages[].content[redacted_thinking]', onlyHome);
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
            id: call.id,
            type: 'function',
            function: { name: call.name, arguments: call.arguments },
          })),
        }
      : {}),
  };
}

/** Results are text here; pictures in one follow as the user's. */
function renderResult(result: Part & { type: 'tool-result' }, lose: Lose): JsonObject[] {
  if (result.isError)
    lose('messages[].content[tool_result].is_error', 'the target has no mark for failed tools');
  const media = result.parts.filter((part) => part.type !== 'text').flatMap((part) => renderPart(part, lose));
  if (media.length)
    lose('messages[].content[tool_result].content', "media of a result are sent as the user's");
  return [
    { role: 'tool', tool_call_id: result.callId, content: textOf(result.parts) },
    ...(media.length ? [{ role: 'user', content: media }] : []),
  ];
}

const textOf = (parts: readonly Part[]): string =>
  parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');

function renderPart(part: Part, lose: Lose): JsonObject[] {
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
      lose('messages[].content[image].source', 'a file id belongs to the provider that gave it');
      return [];
    }
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
        if (part.name !== undefined)
          lose('messages[].content[document].title', 'the text is sent without it');
        return [{ type: 'text', text: source.data }];
      }
      lose('messages[].content[document].source', 'the target takes documents only as data');
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

function renderToolChoice(choice: ToolChoice): unknown {
  return choice.type === 'named' ? { type: 'function', function: { name: choice.name } } : choice.type;
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

/** A budget of tokens has no word here: it becomes the nearest effort. */
function renderReasoning({ reasoning }: Conversation): JsonObject {
  if (!reasoning) return {};
  if (!reasoning.enabled) return { reasoning_effort: 'none' };
  if (reasoning.effort !== null) return { reasoning_effort: reasoning.effort };
  if (reasoning.budgetTokens === null) return {};
  const effort =
    reasoning.budgetTokens <= 4096 ? 'low' : reasoning.budgetTokens <= 16_384 ? 'medium' : 'high';
  return { reasoning_effort: effort };
}
