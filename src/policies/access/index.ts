import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { ExchangeRule } from '#core/contracts/exchange-rule.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { matchesPattern } from '#core/name-pattern.ts';
import { isAmong, tellCallers } from './callers.ts';
import type { AccessSettings } from './schema.ts';

/** Who may do what. */
export const access: PolicyKind<AccessSettings> = {
  name: 'access',
  create: createAccess,
};

/** @throws Error for a rule that cannot be used. */
function createAccess(settings: AccessSettings, services: PolicyServices): Policy {
  const rule = settings.rule === undefined ? null : services.rule(settings.rule);
  const models = Object.entries(settings.models ?? {});
  const tools = Object.entries(settings.tools ?? {});
  const judge = (exchange: Exchange) => {
    if (!mayCall(exchange, settings)) throw denied(exchange, 'is not among those who may call here');
    if (rule && !rule.readsCall) check(rule, exchange);
  };
  const allowsModel = (exchange: Exchange, names: readonly string[]) =>
    models.every(
      ([pattern, lists]) => !names.some((name) => matchesPattern(pattern, name)) || mayCall(exchange, lists),
    );
  return {
    name: 'access',
    summary: summaryOf(settings),
    onHead: judge,
    ...((models.length > 0 || rule?.readsCall) && {
      onCall(exchange) {
        if (rule?.readsCall) check(rule, exchange);
        const { brief, modelNames } = exchange;
        // What holds for one name of a model holds for all of them.
        if (brief && !allowsModel(exchange, [brief.model, ...modelNames]))
          throw new Fault(
            'access/model',
            `${nameOf(exchange)} may not use the model "${brief.model}". Ask its owner to grant it.`,
            { field: 'model' },
          );
      },
    }),
    ...(models.length > 0 && { allowsModel: (exchange, model) => allowsModel(exchange, [model]) }),
    ...(tools.length > 0 && {
      allowsTool: (exchange, server, tool) =>
        tools.every(
          ([pattern, lists]) => !matchesPattern(pattern, `${server}/${tool}`) || mayCall(exchange, lists),
        ),
    }),
  };
}

/** Where lists are, nobody is somebody who is on none of them: he may not. */
function mayCall(exchange: Exchange, { allow, deny }: Pick<AccessSettings, 'allow' | 'deny'>): boolean {
  if (!allow && !deny) return true;
  if (!exchange.consumer) return false;
  if (deny && isAmong(deny, exchange, exchange.consumer)) return false;
  return !allow || isAmong(allow, exchange, exchange.consumer);
}

/** @throws Fault `access/denied` where the rule is not true, or cannot be told. */
function check(rule: ExchangeRule, exchange: Exchange): void {
  let holds: boolean;
  try {
    holds = rule.holds(exchange);
  } catch (cause) {
    throw denied(exchange, 'may not do this: the rule of this route cannot be told for the call', cause);
  }
  if (!holds) throw denied(exchange, 'may not do this, by the rule of this route');
}

const nameOf = ({ consumer }: Exchange): string =>
  consumer ? `"${consumer.consumer ?? consumer.name}"` : 'A caller without credential';

const denied = (exchange: Exchange, what: string, cause?: unknown): Fault =>
  new Fault('access/denied', `${nameOf(exchange)} ${what}.`, cause === undefined ? {} : { cause });

function summaryOf({ allow, deny, rule, models, tools }: AccessSettings): string {
  const said = [
    allow && `lets in ${tellCallers(allow)}`,
    deny && `keeps out ${tellCallers(deny)}`,
    rule !== undefined && `requires ${rule}`,
    models && `has lists for the models ${Object.keys(models).join(', ')}`,
    tools && `has lists for the tools ${Object.keys(tools).join(', ')}`,
  ];
  return said.filter((each) => typeof each === 'string').join('; ');
}
