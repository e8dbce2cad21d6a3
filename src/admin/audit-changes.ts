import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuditChange, AuditLog } from '#core/contracts/audit.ts';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { hideMembers } from '#core/hide-members.ts';
import { auditedActions, changesNothing, ofConfiguration, type AuditedAction } from './audited-actions.ts';

interface Begun {
  readonly action: AuditedAction;
  /** As it was. */
  readonly before: unknown;
}

/**
 * Puts every change that is asked of the admin API on record before it is answered: what is told as done is on the disk. While
 * the log cannot be written nothing is changed. Call before the routes are added.
 */
export function auditChanges(app: FastifyInstance, control: ControlPlane, log: AuditLog): void {
  const begun = new WeakMap<FastifyRequest, Begun>();

  app.addHook('preHandler', async (request, reply) => {
    const action = actionOf(request);
    if (!action) return undefined;
    if (log.failure !== null) {
      const refusal = await tryAgain(request, log);
      if (refusal !== null) return sendUnavailable(reply, `Nothing was changed: ${refusal}.`);
    }
    begun.set(request, { action, before: hideMembers((await action.before?.(control, request)) ?? null) });
    return undefined;
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const started = begun.get(request);
    if (!started) return payload;
    begun.delete(request);
    if (started.action.isTold?.(reply.statusCode) === false) return payload;
    try {
      await log.write(changeOf(request, { ...started, status: reply.statusCode, answer: parsed(payload) }));
      return payload;
    } catch (error) {
      const wasDone = reply.statusCode < 400 ? 'It was done, but could not be recorded' : 'It was not done';
      reply.code(503).header('content-type', 'application/problem+json').removeHeader('content-length');
      return JSON.stringify(unavailable(`${wasDone}: ${(error as Error).message}.`));
    }
  });
}

/** Null: it changes nothing, or is what nodes say of themselves. */
function actionOf(request: FastifyRequest): AuditedAction | null {
  const { method, routeOptions } = request;
  const { url, config } = routeOptions;
  if (url === undefined || config.edge) return null;
  const line = `${method === 'HEAD' ? 'GET' : method} ${url}`;
  if (['GET', 'HEAD', 'OPTIONS'].includes(method)) return auditedActions[line] ?? null;
  if (changesNothing.has(line) || isDryRun(request)) return null;
  // What nobody has named yet goes under its own line: nothing is changed without a record.
  return auditedActions[line] ?? ofConfiguration(line) ?? { name: line };
}

function isDryRun({ query, body }: FastifyRequest): boolean {
  const asked = query as { readonly dryRun?: unknown } | null;
  const wish = body as { readonly dryRun?: unknown } | null | undefined;
  return asked?.dryRun === 'true' || wish?.dryRun === true;
}

interface Ended extends Begun {
  readonly status: number;
  /** The answer's document; null: there is none. */
  readonly answer: unknown;
}

function changeOf(request: FastifyRequest, { action, before, status, answer }: Ended): AuditChange {
  const isDone = status < 400;
  return {
    kind: 'change',
    who: whoIs(request),
    action: action.name,
    resource: action.resource?.(request, answer) ?? resourceOf(request),
    before,
    after: isDone ? hideMembers(action.after ? action.after(request, answer) : answer) : null,
    outcome: isDone ? 'done' : status < 500 ? 'refused' : 'failed',
    reason: isDone ? null : reasonOf(status, answer),
    requestId: String(request.id),
    address: request.ip,
  };
}

function whoIs({ principal, signedIn }: FastifyRequest): AuditChange['who'] {
  return principal ?? signedIn ?? { id: 'unknown', name: 'unknown', via: 'gateway' };
}

/** The path below `/v1/`, with the names that it has for the things it is about. */
const resourceOf = (request: FastifyRequest): string =>
  request.url
    .split('?')[0]!
    .split('/')
    .slice(2)
    .map((step) => decoded(step))
    .join('/')
    .slice(0, 300);

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}

function reasonOf(status: number, answer: unknown): string {
  const detail = (answer as { readonly detail?: unknown } | null)?.detail;
  return typeof detail === 'string' ? `${status}: ${detail.slice(0, 1000)}` : String(status);
}

/** Answers are JSON here; what is not is nobody's document. */
function parsed(payload: unknown): unknown {
  if (typeof payload !== 'string' || payload === '') return null;
  try {
    return JSON.parse(payload);
  } catch {
    return null;
  }
}

/** The log could not be written the last time. Null: now it can. */
async function tryAgain(request: FastifyRequest, log: AuditLog): Promise<string | null> {
  const nothing = { before: null, after: null, reason: null, resource: null };
  try {
    await log.write({
      ...{ kind: 'change', who: whoIs(request), action: 'audit.resume', outcome: 'done' },
      ...nothing,
      ...{ requestId: String(request.id), address: request.ip },
    });
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

const unavailable = (detail: string) => ({
  type: 'about:blank',
  title: 'Service Unavailable',
  status: 503,
  detail,
});

function sendUnavailable(reply: FastifyReply, detail: string): FastifyReply {
  return reply
    .code(503)
    .header('content-type', 'application/problem+json')
    .serializer(JSON.stringify)
    .send(unavailable(detail));
}
