import type { Conversation, JsonObject, Loss, ToolChoice, Words } from '#core/call.ts';
import { lossesOfRest } from '#core/losses.ts';
import type { Target } from '#core/target.ts';
import { renderItems, type Lose } from './render-items.ts';

const unknown = ['topK', 'seed', 'frequencyPenalty', 'presencePenalty'] as const;

/** A call of another dialect in this one's words. https://platform.openai.com/docs/api-reference/responses/create */
export function renderCall(conversation: Conversation, target: Target): { body: string; losses: Loss[] } {
  const losses = lossesOfRest(conversation);
  const lose: Lose = (field, reason) => {
    if (!losses.some((loss) => loss.field === field)) losses.push({ field, reason });
  };
  const c = conversation;
  for (const setting of unknown)
    if (c[setting] !== null) lose(c.words[setting], 'the target has no such setting');
  if (c.stop.length > 0) lose(c.words.stop, 'the target has no such setting');
  if (c.choices > 1) lose(c.words.choices, 'the target gives one answer');
  const tools = c.tools.filter((tool) => tool.schema !== null);
  if (tools.some((tool) => tool.cache)) lose(c.words.cache, 'the target chooses what it keeps');
  const include = [
    ...(seals(c) ? ['reasoning.encrypted_content'] : []),
    ...(c.logprobs === null ? [] : ['message.output_text.logprobs']),
  ];
  const body: JsonObject = {
    model: target.model,
    input: renderItems(c, lose),
    ...(c.maxOutputTokens === null ? {} : { max_output_tokens: c.maxOutputTokens }),
    ...(c.temperature === null ? {} : { temperature: c.temperature }),
    ...(c.topP === null ? {} : { top_p: c.topP }),
    ...(c.logprobs ? { top_logprobs: c.logprobs } : {}),
    ...(c.endUser === null ? {} : { user: c.endUser }),
    ...(tools.length ? { tools: tools.map(renderTool) } : {}),
    ...(c.toolChoice && tools.length ? { tool_choice: renderToolChoice(c.toolChoice) } : {}),
    ...(c.parallelToolCalls === null || tools.length === 0
      ? {}
      : { parallel_tool_calls: c.parallelToolCalls }),
    ...renderFormat(c),
    ...renderReasoning(c),
    ...(include.length ? { include } : {}),
    // A client of another dialect could not ask for what is kept.
    store: false,
    ...(c.stream ? { stream: true } : {}),
  };
  const refused = (target.provider.quirks.refusesFields ?? []).filter((field) => field in body);
  for (const field of refused)
    if (field in asked) lose(c.words[asked[field]!], 'the target has no such setting');
  const given = Object.entries(body).filter(([field]) => !refused.includes(field));
  return { body: JSON.stringify(Object.fromEntries(given)), losses };
}

/** Of the fields that some providers refuse: what asked for them. */
const asked: Readonly<Record<string, keyof Words>> = {
  user: 'endUser',
  top_logprobs: 'logprobs',
  parallel_tool_calls: 'parallelToolCalls',
  reasoning: 'reasoning',
  text: 'outputFormat',
};

/** State is asked for only of models that reason: others refuse to be asked. */
function seals({ reasoning, turns }: Conversation): boolean {
  if (reasoning) return reasoning.enabled;
  return turns.some(({ parts }) =>
    parts.some((part) => part.type === 'reasoning' && (part.signature ?? part.sealed) !== null),
  );
}

/** Strict is what tools are here where nothing is said: elsewhere they are not. */
function renderTool(tool: Conversation['tools'][number]): JsonObject {
  return {
    type: 'function',
    name: tool.name,
    ...(tool.description === null ? {} : { description: tool.description }),
    parameters: tool.schema,
    strict: tool.strict ?? false,
  };
}

function renderToolChoice(choice: ToolChoice): unknown {
  if (choice.type === 'named') return { type: 'function', name: choice.name };
  if (!('among' in choice)) return choice.type;
  const tools = choice.among.map((name) => ({ type: 'function', name }));
  return { type: 'allowed_tools', mode: choice.type, tools };
}

function renderFormat({ outputFormat }: Conversation): JsonObject {
  if (!outputFormat) return {};
  if (outputFormat.type === 'json') return { text: { format: { type: 'json_object' } } };
  const { name, schema, strict } = outputFormat;
  return {
    text: { format: { type: 'json_schema', name, schema, ...(strict === null ? {} : { strict }) } },
  };
}

/** A budget of tokens has no word here: it becomes the nearest effort. Without either the model decides, as it does unasked. */
function renderReasoning({ reasoning }: Conversation): JsonObject {
  if (!reasoning) return {};
  if (!reasoning.enabled) return { reasoning: { effort: 'none' } };
  if (reasoning.effort !== null) return { reasoning: { effort: reasoning.effort } };
  if (reasoning.budgetTokens === null) return {};
  const effort =
    reasoning.budgetTokens <= 4096 ? 'low' : reasoning.budgetTokens <= 16_384 ? 'medium' : 'high';
  return { reasoning: { effort } };
}
