import type { Conversation, JsonObject, Loss } from '#core/call.ts';
import { lossesOfRest } from '#core/losses.ts';
import type { Target } from '#core/target.ts';
import { renderTurn, type How } from './render-turn.ts';

const maxStops = 5;
const noSuch = 'the target has no such setting';

/** A call of another dialect in this one's words. https://docs.cohere.com/reference/chat */
export function renderCall(conversation: Conversation, target: Target): { body: string; losses: Loss[] } {
  const losses = lossesOfRest(conversation);
  const c = conversation;
  const { words } = c;
  const lose = (field: string, reason: string) => {
    if (!losses.some((loss) => loss.field === field)) losses.push({ field, reason });
  };
  const how: How = { words, lose };
  if (c.choices > 1) lose(words.choices, 'the target gives one answer');
  if (c.parallelToolCalls === false) lose(words.parallelToolCalls, noSuch);
  if (c.endUser !== null) lose(words.endUser, noSuch);
  if (c.logprobs !== null && c.logprobs > 0) lose(words.logprobs, "the target tells the answer's own alone");
  if (c.stop.length > maxStops) lose(words.stop, `the target takes ${maxStops}`);
  const tools = renderTools(c, how);
  const body: JsonObject = {
    model: target.model,
    messages: c.turns.flatMap((turn) => renderTurn(turn, how)),
    ...tools,
    ...renderFormat(c, { ...how, hasTools: 'tools' in tools }),
    ...renderThinking(c, how),
    ...(c.maxOutputTokens === null ? {} : { max_tokens: c.maxOutputTokens }),
    ...(c.stop.length ? { stop_sequences: c.stop.slice(0, maxStops) } : {}),
    ...(c.temperature === null ? {} : { temperature: c.temperature }),
    ...(c.seed === null ? {} : { seed: c.seed }),
    ...within('frequency_penalty', c.frequencyPenalty, { how, field: words.frequencyPenalty, range: [0, 1] }),
    ...within('presence_penalty', c.presencePenalty, { how, field: words.presencePenalty, range: [0, 1] }),
    ...within('k', c.topK, { how, field: words.topK, range: [0, 500] }),
    ...within('p', c.topP, { how, field: words.topP, range: [0.01, 0.99] }),
    ...(c.logprobs === null ? {} : { logprobs: true }),
    ...(c.stream ? { stream: true } : {}),
  };
  return { body: JSON.stringify(body), losses };
}

/** What lies outside of what the target takes is refused there: the nearest is used, and that is said. */
function within(
  name: string,
  value: number | null,
  { how, field, range }: { how: How; field: string; range: readonly [number, number] },
): JsonObject {
  if (value === null) return {};
  const nearest = Math.min(range[1], Math.max(range[0], value));
  if (nearest !== value) how.lose(field, `the target takes ${range[0]} to ${range[1]}, the nearest is used`);
  return { [name]: nearest };
}

/** That a tool must be called is for all that are given: to name some, only those are. */
function renderTools(c: Conversation, { words, lose }: How): JsonObject {
  const { toolChoice } = c;
  const among =
    toolChoice?.type === 'named'
      ? [toolChoice.name]
      : toolChoice && 'among' in toolChoice
        ? toolChoice.among
        : null;
  const tools = c.tools.filter((tool) => tool.schema !== null && (among?.includes(tool.name) ?? true));
  if (tools.length === 0) return {};
  const strict = tools.filter((tool) => tool.strict === true).length;
  if (strict > 0 && strict < tools.length)
    lose(words.toolStrict, 'the target is strict with all tools or with none');
  if (tools.some((tool) => tool.cache)) lose(words.cache, 'the target chooses what it keeps');
  const isForced = toolChoice?.type === 'required' || toolChoice?.type === 'named';
  return {
    tools: tools.map((tool) => ({
      type: 'function',
      function: {
        name: tool.name,
        ...(tool.description === null ? {} : { description: tool.description }),
        parameters: tool.schema,
      },
    })),
    ...(strict === tools.length ? { strict_tools: true } : {}),
    ...(isForced ? { tool_choice: 'REQUIRED' } : {}),
    ...(toolChoice?.type === 'none' ? { tool_choice: 'NONE' } : {}),
  };
}

function renderFormat(
  { outputFormat }: Conversation,
  { words, lose, hasTools }: How & { readonly hasTools: boolean },
): JsonObject {
  if (!outputFormat) return {};
  if (hasTools) {
    lose(words.outputFormat, 'the target takes a format or tools, not both');
    return {};
  }
  const schema = outputFormat.type === 'json-schema' ? { json_schema: outputFormat.schema } : {};
  return { response_format: { type: 'json_object', ...schema } };
}

/** https://docs.cohere.com/docs/reasoning */
function renderThinking({ reasoning }: Conversation, { words, lose }: How): JsonObject {
  if (!reasoning) return {};
  if (!reasoning.enabled) return { thinking: { type: 'disabled' } };
  if (reasoning.effort !== null && reasoning.budgetTokens === null)
    lose(words.reasoning, 'the target has no levels of effort; it thinks as much as it sees fit');
  return {
    thinking: {
      type: 'enabled',
      ...(reasoning.budgetTokens === null ? {} : { token_budget: reasoning.budgetTokens }),
    },
  };
}
