import type { Conversation, JsonObject, Loss } from '#core/call.ts';
import { lossesOfRest } from '#core/losses.ts';
import type { Target } from '#core/target.ts';
import { renderPart, renderTurns, type How } from './render-turn.ts';

const maxStops = 5;
const noSuch = 'the target has no such setting';

/** A call of another dialect in this one's words. https://ai.google.dev/api/generate-content#request-body */
export function renderCall(c: Conversation, { model }: Target): { body: string; losses: Loss[] } {
  const losses = lossesOfRest(c);
  const { words } = c;
  const lose = (field: string, reason: string) => {
    if (!losses.some((loss) => loss.field === field)) losses.push({ field, reason });
  };
  const how: How = { words, lose, names: new Map(), wantsProof: thinksInLevels(model) };
  if (c.parallelToolCalls === false) lose(words.parallelToolCalls, noSuch);
  if (c.endUser !== null) lose(words.endUser, noSuch);
  if (c.stop.length > maxStops) lose(words.stop, `the target takes ${maxStops}`);
  const leading = c.turns.findIndex((turn) => turn.role !== 'system');
  const first = leading < 0 ? c.turns.length : leading;
  const config: JsonObject = {
    ...(c.maxOutputTokens === null ? {} : { maxOutputTokens: c.maxOutputTokens }),
    ...(c.choices > 1 ? { candidateCount: c.choices } : {}),
    ...(c.stop.length ? { stopSequences: c.stop.slice(0, maxStops) } : {}),
    ...(c.temperature === null ? {} : { temperature: c.temperature }),
    ...(c.topP === null ? {} : { topP: c.topP }),
    ...(c.topK === null ? {} : { topK: c.topK }),
    ...(c.seed === null ? {} : { seed: c.seed }),
    ...(c.frequencyPenalty === null ? {} : { frequencyPenalty: c.frequencyPenalty }),
    ...(c.presencePenalty === null ? {} : { presencePenalty: c.presencePenalty }),
    ...(c.logprobs === null
      ? {}
      : { responseLogprobs: true, ...(c.logprobs > 0 ? { logprobs: c.logprobs } : {}) }),
    ...renderFormat(c, model, how),
    ...renderThinking(c, model, how),
  };
  const body: JsonObject = {
    ...renderInstruction(c, first, how),
    contents: renderTurns(c.turns.slice(first), how),
    ...renderTools(c, how),
    ...(Object.keys(config).length > 0 ? { generationConfig: config } : {}),
  };
  return { body: JSON.stringify(body), losses };
}

function renderInstruction(c: Conversation, first: number, how: How): JsonObject {
  const turns = c.turns.slice(0, first);
  if (turns.some((turn) => turn.name !== undefined))
    how.lose(how.words.speaker, 'the target has no names of speakers');
  const parts = turns.flatMap((turn) => turn.parts.flatMap((part) => renderPart(part, how)));
  return parts.length > 0 ? { systemInstruction: { parts } } : {};
}

function renderTools(c: Conversation, { words, lose }: How): JsonObject {
  const tools = c.tools.filter((tool) => tool.schema !== null);
  if (tools.length === 0) return {};
  if (tools.some((tool) => tool.cache)) lose(words.cache, 'the target chooses what it keeps');
  const functionDeclarations = tools.map((tool) => ({
    name: tool.name,
    ...(tool.description === null ? {} : { description: tool.description }),
    parametersJsonSchema: tool.schema,
  }));
  const isStrict = tools.some((tool) => tool.strict === true);
  const functionCallingConfig = renderChoice(c.toolChoice, isStrict);
  return {
    tools: [{ functionDeclarations }],
    ...(functionCallingConfig ? { toolConfig: { functionCallingConfig } } : {}),
  };
}

/** Arguments fit their schemas in the modes `ANY` and `VALIDATED`. https://ai.google.dev/api/caching#FunctionCallingConfig */
function renderChoice(choice: Conversation['toolChoice'], isStrict: boolean): JsonObject | null {
  if (!choice) return isStrict ? { mode: 'VALIDATED' } : null;
  if (choice.type === 'named') return { mode: 'ANY', allowedFunctionNames: [choice.name] };
  const among = 'among' in choice ? { allowedFunctionNames: choice.among } : {};
  switch (choice.type) {
    case 'none':
      return { mode: 'NONE' };
    case 'required':
      return { mode: 'ANY', ...among };
    default:
      return { mode: isStrict || 'among' in choice ? 'VALIDATED' : 'AUTO', ...among };
  }
}

/** Earlier models refuse a format where there are tools. https://ai.google.dev/gemini-api/docs/structured-output */
function renderFormat(
  { outputFormat, tools }: Conversation,
  model: string,
  { words, lose }: How,
): JsonObject {
  if (!outputFormat) return {};
  if (!thinksInLevels(model) && tools.some((tool) => tool.schema !== null)) {
    lose(words.outputFormat, 'models of this generation take a format or tools, not both');
    return {};
  }
  const schema = outputFormat.type === 'json-schema' ? { responseJsonSchema: outputFormat.schema } : {};
  return { responseMimeType: 'application/json', ...schema };
}

/** Models before the third generation think by budget. https://ai.google.dev/gemini-api/docs/thinking */
const thinksInLevels = (model: string): boolean => !/(?:^|\/)gemini-(?:1|2)[.-]/.test(model);
const levels: Readonly<Record<string, string>> = {
  minimal: 'MINIMAL',
  low: 'LOW',
  medium: 'MEDIUM',
  high: 'HIGH',
  xhigh: 'HIGH',
  max: 'HIGH',
};
/** What the vendor's own translation of levels makes of them. https://ai.google.dev/gemini-api/docs/openai#thinking */
const budgets: Readonly<Record<string, number>> = { MINIMAL: 1024, LOW: 1024, MEDIUM: 8192, HIGH: 24_576 };

function renderThinking({ reasoning }: Conversation, model: string, { words, lose }: How): JsonObject {
  if (!reasoning) return {};
  if (!reasoning.enabled) return { thinkingConfig: { thinkingBudget: 0 } };
  const { effort, budgetTokens } = reasoning;
  const level = effort === null ? undefined : levels[effort];
  if (effort !== null && level === undefined) lose(words.reasoning, `the target knows no effort "${effort}"`);
  if (effort === 'xhigh' || effort === 'max')
    lose(words.reasoning, 'the target goes up to high, which is used');
  if (budgetTokens !== null && level !== undefined)
    lose(words.reasoning, 'the target takes a level or a budget, and was given the budget');
  const wish =
    budgetTokens !== null
      ? { thinkingBudget: budgetTokens }
      : level === undefined
        ? {}
        : thinksInLevels(model)
          ? { thinkingLevel: level }
          : { thinkingBudget: budgets[level] };
  return { thinkingConfig: { includeThoughts: true, ...wish } };
}
