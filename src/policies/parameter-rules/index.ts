import { askedConversation } from '#core/asked-conversation.ts';
import type { Conversation, ReasoningWish, Words } from '#core/call.ts';
import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { ParameterRulesSettings } from './schema.ts';

/** Defaults and bounds of what calls to models ask for. */
export const parameterRules: PolicyKind<ParameterRulesSettings> = {
  name: 'parameter-rules',
  create: (settings) => createParameterRules(settings),
};

/** Parameters that are one number in a conversation. */
const numbers = [
  'temperature',
  'topP',
  'topK',
  'frequencyPenalty',
  'presencePenalty',
  'maxOutputTokens',
  'choices',
] as const;
/** Each more than the one before. */
const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

interface Range<T> {
  readonly default?: T;
  readonly min?: T;
  readonly max?: T;
}

/** What is changed of one call. */
type Changes = Map<string, string | number>;

/** @throws RangeError for bounds that nothing fits. */
function createParameterRules(settings: ParameterRulesSettings): Policy {
  const { beyond = 'clamp', tools, fields } = settings;
  const ranges = numbers.flatMap((name) =>
    settings[name] ? [[name, checked(name, settings[name])] as const] : [],
  );
  const reasoningTokens = settings.reasoningTokens && checked('reasoningTokens', settings.reasoningTokens);
  const effort = settings.reasoningEffort && effortRange(settings.reasoningEffort);

  const bounded = (name: keyof Words, range: Range<number>, words: Words) => (came: number | null) => {
    const value = came ?? range.default ?? null;
    if (value === null) return null;
    const within = Math.min(Math.max(value, range.min ?? -Infinity), range.max ?? Infinity);
    if (within !== value && beyond === 'refuse') throw outside(words[name], value, range);
    return within;
  };
  const apply = (asked: Conversation, changes: Changes): Conversation => {
    const { words } = asked;
    let revised: Conversation = asked;
    for (const [name, range] of ranges) {
      // One answer is what a call has that says nothing of it.
      const value = bounded(name, range, words)(revised[name]);
      if (value === revised[name] || value === null) continue;
      changes.set(name, value);
      revised = { ...revised, [name]: value };
    }
    const reasoning = reasoningOf(revised);
    if (same(reasoning, revised.reasoning)) return revised;
    if (reasoning?.effort != null && reasoning.effort !== asked.reasoning?.effort)
      changes.set('reasoningEffort', reasoning.effort);
    if (reasoning?.budgetTokens != null && reasoning.budgetTokens !== asked.reasoning?.budgetTokens)
      changes.set('reasoningTokens', reasoning.budgetTokens);
    return { ...revised, reasoning };
  };
  const reasoningOf = ({ reasoning, words }: Conversation): ReasoningWish | null => {
    let wish = reasoning;
    if (reasoningTokens && wish?.budgetTokens != null)
      wish = { ...wish, budgetTokens: bounded('reasoning', reasoningTokens, words)(wish.budgetTokens) };
    if (!effort || (wish && wish.effort === null && wish.enabled && wish.budgetTokens !== null)) return wish;
    const came = wish && !wish.enabled ? 'none' : (wish?.effort ?? null);
    // A word of a vendor's own has no place among the others.
    const rank = came === null ? (effort.default ?? null) : efforts.indexOf(came);
    if (rank === null) return wish;
    const within = Math.min(Math.max(rank, effort.min ?? 0), effort.max ?? efforts.length - 1);
    if (rank !== -1 && within === rank && came !== null) return wish;
    if (came !== null && beyond === 'refuse') {
      const { min, max } = settings.reasoningEffort!;
      throw outside(words.reasoning, came, { ...(min && { min }), ...(max && { max }) });
    }
    const word = efforts[within]!;
    return { ...wish, effort: word, budgetTokens: null, enabled: word !== 'none' };
  };
  return {
    name: 'parameter-rules',
    summary: `${beyond}: ${Object.keys(settings)
      .filter((name) => name !== 'beyond')
      .join(', ')}`,
    onCall(exchange) {
      const asked = askedConversation(exchange, 'parameter-rules');
      if (!asked) return;
      const refused = fields?.refuse.find((field) => Object.hasOwn(exchange.json!, field));
      if (refused !== undefined)
        throw new Fault('prompt/parameter', `${refused}: not allowed on this route. Leave it out.`, {
          field: refused,
        });
      if (tools && asked.tools.length > tools.max)
        throw new Fault(
          'prompt/parameter',
          `${asked.words.tools}: ${asked.tools.length} tools; at most ${tools.max} are allowed on this route.`,
          { field: asked.words.tools },
        );
      const changes: Changes = new Map();
      const conversation = apply(asked, changes);
      if (changes.size === 0) return;
      exchange.revise!({ conversation });
      say(exchange, changes);
    },
  };
}

/** A caller that is not given what it asked for is told so. */
function say(exchange: Exchange, changes: Changes): void {
  const told = [...changes].map(([name, value]) => `${name}=${value}`).join(', ');
  exchange.answerHeaders.push('x-sluice-adjusted', told);
  (exchange.notes ??= {})['adjusted'] = told;
}

const same = (a: ReasoningWish | null, b: ReasoningWish | null): boolean =>
  a?.effort === b?.effort && a?.budgetTokens === b?.budgetTokens && a?.enabled === b?.enabled;

function checked(name: string, range: Range<number>): Range<number> {
  const { min = -Infinity, max = Infinity, default: usual = min } = range;
  if (min > max || usual > max || (range.default !== undefined && usual < min))
    throw new RangeError(
      `parameter-rules: ${name} has bounds that nothing fits, or a default outside of them`,
    );
  return range;
}

/** By their places among the efforts. */
function effortRange(of: NonNullable<ParameterRulesSettings['reasoningEffort']>): Range<number> {
  const rank = (word: string | undefined) => (word === undefined ? undefined : efforts.indexOf(word));
  const [usual, min, max] = [rank(of.default), rank(of.min), rank(of.max)];
  return checked('reasoningEffort', {
    ...(usual !== undefined && { default: usual }),
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
  });
}

function outside(field: string, came: string | number, { min, max }: Range<string | number>): Fault {
  const allowed = [min === undefined ? '' : `from ${min}`, max === undefined ? '' : `up to ${max}`]
    .join(' ')
    .trim();
  return new Fault('prompt/parameter', `${field}: ${came} is not allowed on this route; ${allowed} is.`, {
    field,
  });
}
