import { askedConversation } from '#core/asked-conversation.ts';
import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { compileSearch, type LinearSearch } from '#core/linear-search.ts';
import { textsOfWork } from '#core/work.ts';
import { messagesOf, type Message } from './message-texts.ts';
import type { PromptGuardSettings } from './schema.ts';

/** Refuses calls to models by patterns in their messages. */
export const promptGuard: PolicyKind<PromptGuardSettings> = {
  name: 'prompt-guard',
  create: (settings) => createPromptGuard(settings),
};

type Rule = LinearSearch & { readonly name: string };

/** @throws SyntaxError for a pattern that cannot be held against text in linear time. */
function createPromptGuard(settings: PromptGuardSettings): Policy {
  const { roles = ['system', 'user', 'tool'], messages = 'all', caseSensitive = false } = settings;
  const { message = 'The prompt is refused by a rule of this gateway.' } = settings;
  const rulesOf = (list: PromptGuardSettings['deny'] = [], kind: string) =>
    list.map((rule, i): Rule => {
      const { name, pattern } = typeof rule === 'string' ? { name: `${kind}-${i + 1}`, pattern: rule } : rule;
      return { name, ...compileSearch(pattern, { ignoreCase: !caseSensitive }) };
    });
  const deny = rulesOf(settings.deny, 'deny');
  const allow = settings.allow ? rulesOf(settings.allow, 'allow') : null;

  const refuse = (exchange: Exchange, rule: string): never => {
    (exchange.notes ??= {})['prompt-guard.rule'] = rule;
    throw new Fault('prompt/refused', message);
  };
  const judge = (exchange: Exchange, { texts }: Message): void => {
    const denied = deny.find((rule) => texts.some((text) => rule.finds(text)));
    if (denied) refuse(exchange, denied.name);
    if (allow && !allow.some((rule) => texts.some((text) => rule.finds(text)))) refuse(exchange, 'allow');
  };
  return {
    name: 'prompt-guard',
    summary: `${deny.length} patterns refused${allow ? `, one of ${allow.length} demanded` : ''}; ${messages} of ${roles.join(', ')}`,
    onCall(exchange) {
      for (const asked of askedMessages(exchange)) {
        if (!roles.includes(asked.role) || (messages === 'last' && !asked.isLast)) continue;
        judge(exchange, asked);
      }
    },
  };
}

/** The texts of work are the user's. */
function askedMessages(exchange: Exchange): (Message & { readonly isLast: boolean })[] {
  const asked = askedConversation(exchange, 'prompt-guard');
  const work = asked ? undefined : exchange.conversation?.().work;
  const said = work
    ? textsOfWork(work).map((text) => ({ role: 'user', parts: [{ type: 'text', text }] }) as const)
    : (asked?.turns ?? []);
  const all = work ? said.flatMap((turn) => messagesOf({ turns: [turn] })) : messagesOf({ turns: said });
  return all.map((message, i) => ({
    ...message,
    isLast: work !== undefined || !all.slice(i + 1).some(({ role }) => role === message.role),
  }));
}
