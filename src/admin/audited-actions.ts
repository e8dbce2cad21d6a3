import type { FastifyRequest } from 'fastify';
import type { ControlPlane } from '#core/contracts/control-plane.ts';

/** How the audit log tells of a change. */
export interface AuditedAction {
  readonly name: string;
  /** What it is done to; left out: what the path says. */
  resource?(request: FastifyRequest, answer: unknown): string | null;
  /** As it is before; left out: nothing is told. */
  before?(control: ControlPlane, request: FastifyRequest): unknown;
  /** Is there something to tell, when it was answered so? Left out: always. */
  isTold?(status: number): boolean;
  /** As it is then; left out: what is answered. */
  after?(request: FastifyRequest, answer: unknown): unknown;
}

const paramOf = (request: FastifyRequest, name: string): string =>
  (request.params as Record<string, string>)[name] ?? '';

const keyBefore = (control: ControlPlane, request: FastifyRequest): unknown =>
  control.keys.list().find(({ id }) => id === paramOf(request, 'id')) ?? null;

/** Whoever comes back without having been sent is nobody. */
const wasBegunHere = (status: number): boolean => status !== 400 && status !== 404;

const bodyOf = ({ body }: FastifyRequest): unknown => body;

/** By method and route. Those that are not here are told of by their line. */
export const auditedActions: Readonly<Record<string, AuditedAction>> = {
  'POST /v1/keys': {
    name: 'key.create',
    resource: (_, answer) => idIn('keys', (answer as { readonly key?: unknown } | null)?.key),
    after: (_, answer) => (answer as { readonly key?: unknown } | null)?.key ?? null,
  },
  'PATCH /v1/keys/:id': { name: 'key.change', before: keyBefore },
  'POST /v1/keys/:id/rotate': { name: 'key.rotate', before: keyBefore },
  'DELETE /v1/keys/:id': { name: 'key.revoke', before: keyBefore },
  'PUT /v1/config': {
    name: 'config.apply',
    resource: () => 'config',
    before(control, request) {
      const { digest, storedVersion } = control.config.read();
      const text = (request.body as { readonly text: string }).text;
      return { digest, version: storedVersion, changes: changesBy(control, text) };
    },
  },
  'POST /v1/upstreams/drain': { name: 'upstream.drain', after: bodyOf },
  'POST /v1/nodes/invitations': {
    name: 'invitation.create',
    resource: (_, answer) =>
      idIn('nodes/invitations', (answer as { readonly invitation?: unknown } | null)?.invitation),
    after: (_, answer) => (answer as { readonly invitation?: unknown } | null)?.invitation ?? null,
  },
  'DELETE /v1/nodes/invitations/:id': { name: 'invitation.revoke' },
  'POST /v1/ledger/rerate': {
    name: 'ledger.rerate',
    after: ({ body }, answer) => ({ asked: body, result: answer }),
  },
  'POST /v1/events/webhooks/:name/resume': { name: 'webhook.resume' },
  'POST /v1/events/dead-letters/:id/redeliver': { name: 'dead-letter.redeliver' },
  'DELETE /v1/events/dead-letters/:id': { name: 'dead-letter.discard' },
  'GET /v1/session/callback': { name: 'session.begin', resource: () => 'session', isTold: wasBegunHere },
  'DELETE /v1/session': { name: 'session.end' },
  'POST /v1/tokens': { name: 'token.create' },
  'DELETE /v1/tokens/:id': { name: 'token.revoke' },
  'POST /v1/audit/erase': {
    name: 'audit.erase',
    after: ({ body }, answer) => ({ asked: body, result: answer }),
  },
};

/** Parts of the configuration, one by one; what is answered says what has changed. */
export function ofConfiguration(line: string): AuditedAction | null {
  const match = /^(PUT|DELETE) \/v1\/config\/(\w+)\/:name$/.exec(line);
  return match && { name: `config.${match[2]}.${match[1] === 'PUT' ? 'put' : 'remove'}` };
}

/** Questions that take a body. */
export const changesNothing: ReadonlySet<string> = new Set([
  'POST /v1/config/check',
  'POST /v1/config/diff',
  'POST /v1/explain',
]);

function idIn(kind: string, thing: unknown): string | null {
  const id = (thing as { readonly id?: unknown } | null | undefined)?.id;
  return typeof id === 'string' ? `${kind}/${id}` : null;
}

/** Secrets are hidden in it; null: the document is none. */
function changesBy(control: ControlPlane, text: string): unknown {
  try {
    return control.config.diff(text);
  } catch {
    return null;
  }
}
