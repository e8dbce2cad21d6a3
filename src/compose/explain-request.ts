import { isIP } from 'node:net';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { ControlError } from '#core/contracts/control-plane.ts';
import { faultFrom } from '#core/fault.ts';
import { createModelIndex } from '#core/resolve-model.ts';
import type { ResolvedModel, Snapshot } from '#core/snapshot.ts';
import { dialects } from '#dialects/index.ts';
import { compileRoutes } from '#pipeline/compile-routes.ts';
import { indexRoutes } from '#pipeline/find-route.ts';
import { explain, type Explanation } from '#pipeline/explain.ts';
import { OperationIndex } from '#pipeline/operation-index.ts';
import { compileCallRules } from '#expressions/index.ts';
import { canonicalHead } from '#transport/server/canonical-head.ts';
import { systemClock } from './system-clock.ts';
import { idleServices } from './idle-services.ts';
import { describedPolicyKinds } from './policy-registry.ts';

type Request = Parameters<ControlPlane['explain']>[0];

/** What a snapshot would do with a request. Nothing is sent, counted or limited. @throws ControlError */
export function explainRequest(snapshot: Snapshot, request: Request): Explanation {
  const url = URL.canParse(request.url, 'http://localhost') ? new URL(request.url, 'http://localhost') : null;
  if (!url) throw new ControlError(400, `"${request.url}" is neither a path nor a URL.`);
  const client = request.client ?? '127.0.0.1';
  if (isIP(client) === 0) throw new ControlError(400, `"${client}" is not an address.`);
  const named = request.headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'host');
  const rawHeaders = [...request.headers, ...(named ? [] : ['host', url.host])];
  const target = request.url.replace(/^https?:\/\/[^/?#]*/i, '') || '/';
  const message = { method: request.method.toUpperCase(), url: target, rawHeaders };
  try {
    const head = canonicalHead(message, {
      address: client,
      secure: url.protocol === 'https:',
      trusted: false,
    });
    return explain(gatewayFor(snapshot), head, {
      ...{ model: request.model, body: request.body ?? null, nowMs: systemClock.nowMs() },
    });
  } catch (thrown) {
    const fault = faultFrom(thrown);
    if (fault.code === 'gateway/internal') throw thrown;
    const { code, message: why } = fault;
    return {
      routes: [],
      route: null,
      policies: [],
      operation: null,
      rules: [],
      strategy: null,
      targets: [],
      fault: { code, message: why },
    };
  }
}

/** Only what explaining looks at; the policies are made, and never run. */
function gatewayFor(snapshot: Snapshot) {
  const kinds = describedPolicyKinds(snapshot.policyFiles ?? null);
  const routes = compileRoutes(snapshot, kinds, idleServices(snapshot));
  return {
    snapshot,
    routes,
    routeTrie: indexRoutes(routes),
    operations: new OperationIndex(dialects),
    dialects: new Map(dialects.map((dialect) => [dialect.name, dialect])),
    models: createModelIndex(snapshot),
    rulesOf: ({ rules }: ResolvedModel) => compileCallRules((rules ?? []).map(({ when }) => when)),
  };
}
