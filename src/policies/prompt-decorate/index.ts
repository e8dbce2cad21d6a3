import { askedConversation } from '#core/asked-conversation.ts';
import type { Turn } from '#core/call.ts';
import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import { exchangeValues } from '#templates/exchange-values.ts';
import { openTemplates, type Templates } from '#templates/templates.ts';
import type { PromptDecorateSettings } from './schema.ts';

/** Puts messages before and after those of calls to models. */
export const promptDecorate: PolicyKind<PromptDecorateSettings> = {
  name: 'prompt-decorate',
  create: (settings, services) => createPromptDecorate(settings, openTemplates(services)),
};

type Added = NonNullable<PromptDecorateSettings['prepend']>;
type Render = (values: object) => Turn;

/** @throws Error for a template that cannot be read. */
function createPromptDecorate(
  { prepend = [], append = [] }: PromptDecorateSettings,
  templates: Templates,
): Policy {
  const compile = (added: Added) =>
    added.map(({ role, content }): Render => {
      const template = templates.compile(content, { place: 'text' });
      return (values) => ({ role, parts: [{ type: 'text', text: template.render(values) }] });
    });
  const [before, after] = [compile(prepend), compile(append)];
  return {
    name: 'prompt-decorate',
    summary: `${before.length} messages before, ${after.length} after`,
    onCall(exchange) {
      const asked = askedConversation(exchange, 'prompt-decorate');
      if (!asked) return;
      const values = exchangeValues(exchange);
      const turns = (of: readonly Render[]) => of.map((render) => render(values));
      const conversation = { ...asked, turns: [...turns(before), ...asked.turns, ...turns(after)] };
      exchange.revise!({ conversation });
    },
  };
}
