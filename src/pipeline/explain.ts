import type { Inbound } from '#core/contracts/inbound.ts';
import { faultFrom } from '#core/fault.ts';
import type { RequestHead } from '#core/head.ts';
import { findOperation } from './client-dialect.ts';
import { findRoute, matchesHost, matchesPath } from './find-route.ts';
import type { CompiledRoute, Gateway } from './gateway.ts';
import { openExchange } from './open-exchange.ts';
import type { Passage } from './passage.ts';

export interface Explanation {
  /** Each route that was looked at, in order, and why it did or did not match. */
  readonly routes: readonly { readonly name: string; readonly matches: boolean; readonly why: string }[];
  readonly route: string | null;
  /** In the order they run: those of the head before the body is read, then those of the call. */
  readonly policies: readonly {
    readonly name: string;
    readonly when: readonly string[];
    readonly summary: string;
  }[];
  readonly operation: string | null;
  readonly targets: readonly string[];
  readonly fault: { readonly code: string; readonly message: string } | null;
}

/** What would happen to a request, and why, without doing any of it. `model` is what its body would name. */
export function explain(
  gateway: Pick<Gateway, 'snapshot' | 'routes' | 'operations' | 'dialects' | 'models'>,
  head: RequestHead,
  model: string | null,
): Explanation {
  const routes = [];
  for (const { route } of gateway.routes) {
    const why = whyNot(route, head);
    routes.push({
      name: route.name,
      matches: why === null,
      why: why ?? `${route.match.path} matches ${head.path}`,
    });
    if (why === null) break;
  }
  const nothing = { routes, route: null, policies: [], operation: null, targets: [] };
  let compiled: CompiledRoute;
  try {
    compiled = findRoute(gateway.routes, head);
  } catch (thrown) {
    const fault = faultFrom(thrown);
    return { ...nothing, fault: { code: fault.code, message: fault.message } };
  }
  const exchange = openExchange({ head } as unknown as Inbound, 0);
  const passage: Passage = { exchange, gateway: gateway as Gateway, route: compiled };
  const owner = compiled.route.kind === 'llm' ? findOperation(passage) : null;
  return {
    routes,
    route: compiled.route.name,
    policies: compiled.policies.map((policy) => ({
      name: policy.name,
      when: (['onHead', 'onCall', 'onAnswer', 'openAnswer', 'onSettled'] as const).filter(
        (hook) => policy[hook],
      ),
      summary: policy.summary,
    })),
    operation: owner ? `${owner.operation.kind} (${owner.dialect.name})` : null,
    targets: targetsOf(gateway, compiled, model),
    fault: null,
  };
}

function targetsOf(
  gateway: Pick<Gateway, 'snapshot' | 'models'>,
  { route }: CompiledRoute,
  model: string | null,
): string[] {
  if (route.kind === 'http') return gateway.snapshot.upstreams[route.upstream]!.members.map(({ url }) => url);
  const plan = model === null ? null : gateway.models.find(model);
  return (
    plan?.targets.map((target) => `${target.provider.name}/${target.model} at ${target.provider.baseUrl}`) ??
    []
  );
}

function whyNot({ match }: CompiledRoute['route'], head: RequestHead): string | null {
  if (!matchesPath(match.path, head.path)) return `path ${head.path} is not ${match.path}`;
  if (!matchesHost(match.host, head.host)) return `host ${head.host} is not ${match.host}`;
  if (match.methods && !match.methods.includes(head.method))
    return `method ${head.method} is not ${match.methods.join(' or ')}`;
  return null;
}
