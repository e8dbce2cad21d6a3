import { askedConversation } from '#core/asked-conversation.ts';
import type { Conversation, JsonObject, Turn } from '#core/call.ts';
import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import { exchangeValues } from '#templates/exchange-values.ts';
import { openTemplates, type Templates } from '#templates/templates.ts';
import { readReference, refused } from './read-reference.ts';
import type { PromptTemplateSettings } from './schema.ts';
import { compileVariables } from './variables.ts';

/** Prompts that callers ask for by name, and fill with variables. */
export const promptTemplate: PolicyKind<PromptTemplateSettings> = {
  name: 'prompt-template',
  create: (settings, services) => createPromptTemplate(settings, openTemplates(services)),
};

type Settings = PromptTemplateSettings['templates'][string];

interface Prompt {
  /** With its version. */
  readonly name: string;
  readonly settings: Settings;
  read(given: JsonObject): Record<string, unknown>;
  render(values: object): Turn[];
}

/** @throws Error for a template or a pattern that cannot be read. */
function createPromptTemplate(
  { templates, untemplated = 'allow' }: PromptTemplateSettings,
  engine: Templates,
): Policy {
  const prompts = new Map<string, Prompt>();
  for (const [name, settings] of Object.entries(templates)) {
    const prompt = compilePrompt(name, settings, engine);
    prompts.set(name, prompt);
    const [bare] = name.split('@');
    // The last one of those in the list is meant where no version is named, unless one has none.
    if (!Object.hasOwn(templates, bare!)) prompts.set(bare!, prompt);
  }
  const models = Object.values(templates).flatMap(({ model }) => model ?? []);
  return {
    name: 'prompt-template',
    summary: `${Object.keys(templates).join(', ')}; calls without: ${untemplated}`,
    ...(models.length > 0 ? { usesModels: models } : {}),
    onCall(exchange) {
      const asked = exchange.revise ? readReference(exchange, (name) => prompts.has(name)) : null;
      if (!asked) {
        if (untemplated === 'refuse' && askedConversation(exchange, 'prompt-template'))
          throw refused('this route takes no call without one', 'prompt');
        return;
      }
      const prompt = prompts.get(asked.name);
      if (!prompt) throw refused(`there is none of the name "${asked.name.slice(0, 100)}"`, 'prompt');
      const values = { ...exchangeValues(exchange), ...prompt.read(asked.variables) };
      const conversation = withPrompt(asked.conversation, { at: asked.turn, turns: prompt.render(values) });
      const { model, parameters } = prompt.settings;
      exchange.revise!({
        conversation: { ...conversation, ...parametersOf(conversation, parameters) },
        body: asked.body,
        ...(model === undefined ? {} : { model }),
      });
      exchange.answerHeaders.push('x-sluice-prompt', prompt.name);
      (exchange.notes ??= {})['prompt'] = prompt.name;
    },
  };
}

function compilePrompt(name: string, settings: Settings, engine: Templates): Prompt {
  const messages = settings.messages.map(({ role, content }) => {
    const template = engine.compile(content, { place: 'text' });
    return (values: object): Turn => ({ role, parts: [{ type: 'text', text: template.render(values) }] });
  });
  return {
    name,
    settings,
    read: compileVariables(settings.variables),
    render: (values) => messages.map((message) => message(values)),
  };
}

function withPrompt(
  conversation: Conversation,
  { at, turns }: { readonly at: number; readonly turns: readonly Turn[] },
): Conversation {
  const own = conversation.turns;
  return {
    ...conversation,
    turns: at < 0 ? [...turns, ...own] : [...own.slice(0, at), ...turns, ...own.slice(at + 1)],
  };
}

function parametersOf(
  { reasoning }: Conversation,
  parameters: Settings['parameters'] = {},
): Partial<Conversation> {
  const { reasoningEffort: effort, ...rest } = parameters;
  if (effort === undefined) return rest;
  return { ...rest, reasoning: { ...reasoning, effort, budgetTokens: null, enabled: effort !== 'none' } };
}
