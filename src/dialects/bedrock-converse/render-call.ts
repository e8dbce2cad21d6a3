import type { Conversation, JsonObject, Loss, Turn } from '#core/call.ts';
import { lossesOfRest } from '#core/losses.ts';
import type { Target } from '#core/target.ts';
import { pointOf, renderPart, type How } from './render-content.ts';

/** Fields that only models of this family understand stand apart, in `additionalModelRequestFields`. */
const isClaude = (model: string): boolean => /anthropic|claude/.test(model);
const noSuch = 'the target has no such setting';

/** A call of another dialect in this one's words. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html */
export function renderCall(c: Conversation, { model }: Target): { body: string; losses: Loss[] } {
  const losses = lossesOfRest(c);
  const { words } = c;
  const lose = (field: string, reason: string) => {
    if (!losses.some((loss) => loss.field === field)) losses.push({ field, reason });
  };
  const how: How = { words, lose, names: new Set() };
  for (const setting of ['seed', 'frequencyPenalty', 'presencePenalty', 'logprobs', 'endUser'] as const)
    if (c[setting] !== null) lose(words[setting], noSuch);
  if (c.choices > 1) lose(words.choices, 'the target gives one answer');
  const leading = c.turns.findIndex((turn) => turn.role !== 'system');
  const first = leading < 0 ? c.turns.length : leading;
  const system = c.turns.slice(0, first).flatMap((turn) => systemOf(turn, how));
  const config = {
    ...(c.maxOutputTokens === null ? {} : { maxTokens: c.maxOutputTokens }),
    ...(c.temperature === null ? {} : { temperature: c.temperature }),
    ...(c.topP === null ? {} : { topP: c.topP }),
    ...(c.stop.length > 0 ? { stopSequences: c.stop } : {}),
  };
  const fields = modelFields(c, model, how);
  const output = { ...renderFormat(c, how), ...renderEffort(c) };
  const body: JsonObject = {
    messages: renderTurns(c.turns.slice(first), how),
    ...(system.length > 0 ? { system } : {}),
    ...(Object.keys(config).length > 0 ? { inferenceConfig: config } : {}),
    ...renderTools(c, how),
    ...(Object.keys(output).length > 0 ? { outputConfig: output } : {}),
    ...(Object.keys(fields).length > 0 ? { additionalModelRequestFields: fields } : {}),
  };
  return { body: JSON.stringify(body), losses };
}

function systemOf(turn: Turn, how: How): JsonObject[] {
  if (turn.name !== undefined) how.lose(how.words.speaker, 'the target has no names of speakers');
  return turn.parts.flatMap((part) => (part.type === 'text' ? renderPart(part, how) : []));
}

/** Turns alternate here: what one side says in several turns is one, results of tools first. */
function renderTurns(turns: readonly Turn[], how: How): JsonObject[] {
  const messages: { role: string; content: JsonObject[] }[] = [];
  for (const turn of turns) {
    if (turn.name !== undefined) how.lose(how.words.speaker, 'the target has no names of speakers');
    if (turn.role === 'system')
      how.lose(
        'messages[role=system]',
        'after the beginning the target has no system: it is said as the user',
      );
    const role = turn.role === 'assistant' ? 'assistant' : 'user';
    const content = turn.parts.flatMap((part) => renderPart(part, how));
    if (content.length === 0) continue;
    const last = messages.at(-1);
    if (last?.role === role) last.content.push(...content);
    else messages.push({ role, content });
  }
  return messages;
}

/**
 * That no tool may be called has no word: none are given then, unless the history has calls, for which they must be.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/tool-use-inference-call.html
 */
function renderTools(c: Conversation, { words, lose }: How): JsonObject {
  if (c.parallelToolCalls === false) lose(words.parallelToolCalls, noSuch);
  const given = c.tools.filter((tool) => tool.schema !== null);
  const called = new Set(
    c.turns.flatMap(({ parts }) => parts.flatMap((part) => (part.type === 'tool-call' ? [part.name] : []))),
  );
  const isForbidden = c.toolChoice?.type === 'none';
  if (called.size === 0 && (given.length === 0 || isForbidden)) return {};
  if (isForbidden && given.length > 0) lose(words.toolChoice, 'the target cannot be kept from calling tools');
  const tools = given.flatMap((tool) => [
    {
      toolSpec: {
        name: tool.name,
        ...(tool.description === null ? {} : { description: tool.description }),
        inputSchema: { json: { type: 'object', ...tool.schema } },
        ...(tool.strict === null ? {} : { strict: tool.strict }),
      },
    },
    ...pointOf(tool),
  ]);
  // Calls of before want their tools, also where none is given any more.
  const known = new Set(given.map(({ name }) => name));
  const gone = given.length > 0 ? [] : [...called].filter((name) => !known.has(name));
  if (gone.length > 0) lose(words.tools, 'calls of before want their tools: they are given again, bare');
  const old = gone.map((name) => ({ toolSpec: { name, inputSchema: { json: { type: 'object' } } } }));
  return { toolConfig: { tools: [...tools, ...old], ...renderChoice(c, { words, lose }) } };
}

function renderChoice(
  { toolChoice }: Conversation,
  { words, lose }: Pick<How, 'words' | 'lose'>,
): JsonObject {
  if (!toolChoice || toolChoice.type === 'none') return {};
  if ('among' in toolChoice) lose(words.toolChoice, 'the target chooses among all tools, or is given one');
  if (toolChoice.type === 'named') return { toolChoice: { tool: { name: toolChoice.name } } };
  return { toolChoice: toolChoice.type === 'required' ? { any: {} } : { auto: {} } };
}

function renderFormat({ outputFormat, words }: Conversation, { lose }: How): JsonObject {
  if (!outputFormat) return {};
  if (outputFormat.type === 'json') {
    lose(words.outputFormat, 'the target has no free JSON mode; give it a schema');
    return {};
  }
  const jsonSchema = { schema: JSON.stringify(outputFormat.schema), name: outputFormat.name };
  return { textFormat: { type: 'json_schema', structure: { jsonSchema } } };
}

const renderEffort = ({ reasoning }: Conversation): JsonObject =>
  reasoning?.enabled && reasoning.effort !== null ? { effort: reasoning.effort } : {};

export const leastBudget = 1024;

function modelFields(c: Conversation, model: string, { words, lose }: How): JsonObject {
  const { reasoning, topK } = c;
  const fields: Record<string, unknown> = {};
  if (topK !== null) {
    if (isClaude(model)) fields['top_k'] = topK;
    else lose(words.topK, 'what this model calls it is not known');
  }
  if (reasoning?.enabled === false) {
    if (isClaude(model)) fields['thinking'] = { type: 'disabled' };
    else lose(words.reasoning, 'how this model is kept from it is not known');
  }
  if (reasoning?.enabled && reasoning.budgetTokens !== null) {
    const most = c.maxOutputTokens ?? Infinity;
    if (!isClaude(model)) lose(words.reasoning, 'how this model is told of a budget is not known');
    else if (most <= leastBudget)
      lose(words.reasoning, `thinking takes at least ${leastBudget} tokens, and the answer may have ${most}`);
    else
      fields['thinking'] = {
        type: 'enabled',
        budget_tokens: Math.max(leastBudget, Math.min(reasoning.budgetTokens, most - 1)),
      };
  }
  return fields;
}
