import type { Inbound } from '#core/contracts/inbound.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import type { RequestHead } from '#core/head.ts';
import { findOperation } from './client-dialect.ts';
import { matchesTemplate } from '#core/path-template.ts';
import type { HeadCondition } from '#core/snapshot.ts';
import { explainModel, type ModelExplanation } from './explain-model.ts';
import { operationOf, routeForModel, routeForOperation } from './choose-route.ts';
import { findRoute, matchesHost } from './find-route.ts';
import { judgeHead } from './head-test.ts';
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
  /** Of the model, in order. */
  readonly rules: ModelExplanation['rules'];
  readonly strategy: string | null;
  readonly targets: readonly string[];
  readonly fault: { readonly code: string; readonly message: string } | null;
}

/** What the body would say. */
export interface Asked {
  readonly model: string | null;
  readonly body: string | null;
  readonly nowMs: number;
}

/** What would happen to a request, and why, without doing any of it. */
export function explain(
  gateway: Pick<
    Gateway,
    'snapshot' | 'routes' | 'routeTrie' | 'operations' | 'dialects' | 'models' | 'rulesOf'
  >,
  head: RequestHead,
  asked: Asked,
): Explanation {
  const routes: Explanation['routes'][number][] = [];
  const nothing = {
    routes,
    route: null,
    policies: [],
    operation: null,
    rules: [],
    strategy: null,
    targets: [],
  };
  let found: CompiledRoute | null = null;
  let compiled: CompiledRoute;
  const model = asked.model ?? modelIn(asked.body);
  try {
    found = findRoute(gateway, head);
    compiled = found.siblings ? chosenOf(found, head, { ...asked, model }, gateway) : found;
  } catch (thrown) {
    const fault = faultFrom(thrown);
    tell(gateway.routes, { head, found, chosen: null }, routes);
    return { ...nothing, fault: { code: fault.code, message: fault.message } };
  }
  tell(gateway.routes, { head, found, chosen: compiled }, routes);
  const exchange = openExchange({ head } as unknown as Inbound, 0);
  const passage: Passage = { exchange, gateway: gateway as Gateway, route: compiled };
  const owner = compiled.route.kind === 'llm' ? findOperation(passage) : null;
  const resolved = owner && model !== null ? gateway.models.find(model) : null;
  const called = { exchange, asked: owner!, body: asked.body, nowMs: asked.nowMs };
  const explained = resolved && explainModel(resolved, called, gateway);
  return {
    routes,
    route: compiled.route.name,
    policies: compiled.policies.map((policy) => ({
      name: policy.name,
      when: (
        [
          'onHead',
          'onCall',
          'limits',
          'targetLimits',
          'onAnswer',
          'openAnswer',
          'judgeAnswer',
          'onSettled',
        ] as const
      ).filter((hook) => policy[hook]),
      summary: policy.summary,
    })),
    operation: owner
      ? `${owner.line.operation.kind} (${owner.dialect.name})`
      : (compiled.route.operation ?? null),
    rules: explained?.rules ?? [],
    strategy: explained?.strategy ?? null,
    targets: explained?.targets ?? targetsOf(gateway, compiled, model),
    fault: null,
  };
}

function targetsOf(
  gateway: Pick<Gateway, 'snapshot' | 'models'>,
  compiled: CompiledRoute,
  model: string | null,
): string[] {
  const { route } = compiled;
  if (route.kind === 'http') {
    const { upstreams } = gateway.snapshot;
    const { mirror } = route;
    const copies = mirror ? upstreams[mirror.upstream]!.members : [];
    return [
      ...upstreams[route.upstream]!.members.map(({ url }) => url),
      ...copies.map(({ url }) => `${mirror!.percent} % copied to ${url}`),
    ];
  }
  if (route.kind === 'split') {
    const sum = route.parts.reduce((all, { weight }) => all + weight, 0);
    return compiled.parts!.flatMap((part, i) => {
      const when = route.parts[i]!.when.map((condition) => `${called(condition)} ${testOf(condition)}`);
      const share = `${part.name}: ${Number(((100 * part.weight) / sum).toFixed(2))} %`;
      const told = when.length > 0 ? `${share}, and all with ${when.join(' and ')}` : share;
      return targetsOf(gateway, part.compiled, model).map((target) => `${told} → ${target}`);
    });
  }
  if (route.kind === 'fixed') {
    const { answer } = route;
    if (answer.kind === 'account')
      return [`what the caller's project has used and has left, below ${answer.prefix}`];
    return [
      answer.kind === 'redirect' ? `redirect ${answer.status} to ${answer.to}` : `static ${answer.status}`,
    ];
  }
  const plan = model === null ? null : gateway.models.find(model);
  return (
    plan?.targets.map((target) => `${target.provider.name}/${target.model} at ${target.provider.baseUrl}`) ??
    []
  );
}

/** @throws Fault as the exchange would, or where the body is needed and not given. */
function chosenOf(
  found: CompiledRoute,
  head: RequestHead,
  { model, body }: Asked,
  gateway: Pick<Gateway, 'models'>,
): CompiledRoute {
  if (found.route.kind === 'llm') {
    if (model === null) return found;
    return (
      routeForModel(found, [model, ...(gateway.models.find(model)?.knownAs ?? [])]) ??
      refuse(`No route here takes the model "${model}".`)
    );
  }
  const operation = operationOf(head, body === null || head.method === 'GET' ? null : Buffer.from(body));
  return routeForOperation(found, operation) ?? refuse('No route here takes the operation.');
}

function refuse(message: string): never {
  throw new Fault('route/not-found', message);
}

function modelIn(body: string | null): string | null {
  try {
    const parsed: unknown = JSON.parse(body ?? 'null');
    const model = typeof parsed === 'object' && parsed !== null && 'model' in parsed ? parsed.model : null;
    return typeof model === 'string' ? model : null;
  } catch {
    return null;
  }
}

interface Outcome {
  readonly head: RequestHead;
  /** By the head. */
  readonly found: CompiledRoute | null;
  /** By the body, among its siblings. */
  readonly chosen: CompiledRoute | null;
}

/** What became of each route, up to the one that takes the request. */
function tell(
  routes: readonly CompiledRoute[],
  { head, found, chosen }: Outcome,
  told: Explanation['routes'][number][],
): void {
  for (const compiled of routes) {
    const { name } = compiled.route;
    if (found?.siblings?.[0] === compiled || (found === compiled && !found.siblings)) {
      for (const sibling of found.siblings ?? [found]) {
        const matches = sibling === chosen;
        told.push({ name: sibling.route.name, matches, why: whyTaken(sibling, matches, head) });
        if (matches) return;
      }
      return;
    }
    if (compiled.siblings && compiled.siblings[0] !== compiled) continue;
    told.push({ name, matches: false, why: whyNot(compiled, head) ?? 'another route comes before it' });
  }
}

function whyTaken({ route, siblings }: CompiledRoute, matches: boolean, head: RequestHead): string {
  const path = pathOf(route.match.path);
  if (!siblings) return `${path} matches ${head.path}`;
  const call = route.match.call === null ? 'whatever is asked' : JSON.stringify(route.match.call);
  return matches ? `${path} matches ${head.path}, and the call: ${call}` : `the call is not ${call}`;
}

const pathOf = (path: CompiledRoute['route']['match']['path']): string =>
  typeof path === 'string' ? path : `the pattern ${path.pattern}`;

function whyNot({ route: { match }, headTest }: CompiledRoute, head: RequestHead): string | null {
  if (typeof match.path === 'string' && !matchesTemplate(match.path, head.path))
    return `path ${head.path} is not ${match.path}`;
  if (!matchesHost(match.host, head.host)) return `host ${head.host} is not ${match.host}`;
  const verdict = headTest && judgeHead(headTest, head);
  if (verdict && verdict.kind !== 'yes') {
    const { by } = verdict;
    if (by === 'path') return `path ${head.path} is not ${pathOf(match.path)}`;
    if (by === 'clients') return `client ${head.clientAddress} is not in ${match.clients!.join(', ')}`;
    return verdict.kind === 'unclear'
      ? `${called(by)} came more than once`
      : `${called(by)} is not ${testOf(by)}`;
  }
  if (match.methods && !match.methods.includes(head.method))
    return `method ${head.method} is not ${match.methods.join(' or ')}`;
  return null;
}

const called = ({ part, name }: HeadCondition): string =>
  `${part === 'query' ? 'query parameter' : part} ${name}`;

function testOf({ test }: Pick<HeadCondition, 'test'>): string {
  if ('present' in test) return test.present ? 'there' : 'absent';
  if ('is' in test) return JSON.stringify(test.is);
  return 'prefix' in test ? `${test.prefix}…` : `of the pattern ${test.pattern}`;
}
