import type { ExchangeRule } from '#core/contracts/exchange-rule.ts';
import type { Policy } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';

/**
 * A policy that is there only for calls of which a rule is true. It is asked once for each exchange, when the policy is first
 * wanted; a call of which it cannot be told is refused, whatever the policy does.
 * @throws Error for a rule that asks for what the policy is too early to know.
 */
export function onlyWhen(policy: Policy, rule: ExchangeRule): Policy {
  if (policy.queue)
    throw new Error('"when" does not go with a policy whose rules of waiting hold for the route');
  const early = policy.onHead ?? policy.readsBody;
  if (early && rule.readsCall)
    throw new Error(`"when" asks for the call, and ${policy.name} decides before the call is known`);
  const verdicts = new WeakMap<Exchange, boolean>();
  const applies = (exchange: Exchange): boolean => {
    const known = verdicts.get(exchange);
    if (known !== undefined) return known;
    let verdict: boolean;
    try {
      verdict = rule.holds(exchange);
    } catch (cause) {
      throw new Fault(
        'policy/failed',
        `Whether the policy "${policy.name}" holds for this call cannot be told, so the call is refused.`,
        { cause },
      );
    }
    verdicts.set(exchange, verdict);
    return verdict;
  };
  return {
    ...policy,
    summary: `${policy.summary}, when ${rule.text}`,
    ...(policy.presents && { presents: (exchange) => applies(exchange) && policy.presents!(exchange) }),
    ...(policy.onHead && {
      onHead: (exchange) => (applies(exchange) ? policy.onHead!(exchange) : undefined),
    }),
    ...(policy.readsBody && { readsBody: (exchange) => applies(exchange) && policy.readsBody!(exchange) }),
    // Always asked here: a policy that only watches answers must not let pass what it would have had to watch.
    onCall: (exchange) => (applies(exchange) ? policy.onCall?.(exchange) : undefined),
    ...(policy.limits && { limits: (exchange) => (applies(exchange) ? policy.limits!(exchange) : []) }),
    ...(policy.targetLimits && {
      targetLimits: (exchange, target) => (applies(exchange) ? policy.targetLimits!(exchange, target) : []),
    }),
    ...(policy.allowsModel && {
      allowsModel: (exchange, model) => !applies(exchange) || policy.allowsModel!(exchange, model),
    }),
    ...(policy.allowsTool && {
      allowsTool: (exchange, server, tool) =>
        !applies(exchange) || policy.allowsTool!(exchange, server, tool),
    }),
    ...(policy.onAnswer && {
      onAnswer: (exchange, status, headers) =>
        applies(exchange) ? policy.onAnswer!(exchange, status, headers) : headers,
    }),
    ...(policy.openAnswer && {
      openAnswer: (exchange) => (applies(exchange) ? policy.openAnswer!(exchange) : null),
    }),
    ...(policy.encodeAnswer && {
      encodeAnswer: (exchange, plain) => (applies(exchange) ? policy.encodeAnswer!(exchange, plain) : null),
    }),
    ...(policy.judgeAnswer && {
      judgeAnswer: (exchange, status, headers) =>
        applies(exchange) ? policy.judgeAnswer!(exchange, status, headers) : null,
    }),
    ...(policy.onSettled && {
      onSettled: (exchange, receipt) =>
        verdicts.get(exchange) === true ? policy.onSettled!(exchange, receipt) : undefined,
    }),
  };
}
