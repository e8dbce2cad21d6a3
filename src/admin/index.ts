import type { AddressInfo } from 'node:net';
import { fastify } from 'fastify';
import type { AuditLog } from '#core/contracts/audit.ts';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { serveAudit } from './audit.ts';
import { auditChanges } from './audit-changes.ts';
import { serveCalibration } from './calibration.ts';
import { serveConfig } from './config.ts';
import { serveDiscovery } from './discovery.ts';
import { serveEvents } from './events.ts';
import { serveEdges } from './edges.ts';
import { serveExplain } from './explain.ts';
import { createGuard } from './guard.ts';
import { serveHealth } from './health.ts';
import { serveKeys } from './keys.ts';
import { serveMetrics } from './metrics.ts';
import { serveNodes } from './nodes.ts';
import { serveOpenApi } from './openapi.ts';
import { createErrorHandler, sendProblem } from './problem.ts';
import { serveStatus } from './status.ts';
import { serveUpstreams } from './upstreams.ts';
import { serveRerate, serveUsage } from './usage.ts';

export { startProbes } from './probes.ts';
export { createTokenVerifier } from './token.ts';

const bodyLimitBytes = 1 << 20;

export interface AdminSettings {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  verifyToken(token: string): boolean;
  readonly control: ControlPlane;
  /** Where changes are put on record. */
  readonly audit: AuditLog;
  /** Names under which it may be reached, besides IP addresses, `localhost` and `host`. */
  readonly hosts?: readonly string[];
  /** Told of bugs; by default they go to standard error. */
  onError?(error: unknown): void;
}

/** Starts the admin API. @throws Error when it cannot listen. */
export async function startAdmin(settings: AdminSettings): Promise<{ port: number; close(): Promise<void> }> {
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    requestTimeout: 30_000,
    forceCloseConnections: true,
    // Nothing is coerced, completed or removed: what does not fit is refused.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false } },
  });
  const hosts = [settings.host, ...(settings.hosts ?? [])].map((host) => host.toLowerCase());
  app.decorateRequest('edge', null);
  app.decorateRequest('principal', null);
  app.addHook(
    'onRequest',
    createGuard({
      verifyToken: settings.verifyToken,
      admitEdge: (token, nodeId) => settings.control.edges.admit(token, nodeId),
      hosts,
    }),
  );
  app.setErrorHandler(createErrorHandler(settings.onError ?? ((error) => console.error(error))));
  app.setNotFoundHandler((request, reply) => sendProblem(reply, 404, `There is no ${request.method} here.`));
  app.setReplySerializer((payload) =>
    JSON.stringify(payload, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)),
  );
  auditChanges(app, settings.control, settings.audit);
  serveOpenApi(app);
  serveHealth(app, settings.control);
  serveMetrics(app, settings.control);
  serveStatus(app, settings.control);
  serveDiscovery(app, settings.control);
  serveUpstreams(app, settings.control);
  serveCalibration(app, settings.control);
  serveKeys(app, settings.control);
  serveConfig(app, settings.control);
  serveNodes(app, settings.control);
  serveEdges(app, settings.control);
  serveUsage(app, settings.control);
  serveRerate(app, settings.control);
  serveEvents(app, settings.control);
  serveExplain(app, settings.control);
  serveAudit(app, settings.control);
  await app.listen({ host: settings.host, port: settings.port });
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
}
