import { createServer } from 'node:http';
import { createServer as createSecureServer, Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { fastify } from 'fastify';
import type { AuditLog } from '#core/contracts/audit.ts';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import type { AdminTls } from '#core/snapshot.ts';
import { serveAudit } from './audit.ts';
import { auditChanges } from './audit-changes.ts';
import { serveCalibration } from './calibration.ts';
import { serveConfig } from './config.ts';
import { serveConsole } from './console.ts';
import { serveDiscovery } from './discovery.ts';
import { serveEvents } from './events.ts';
import { serveEdges } from './edges.ts';
import { serveExplain } from './explain.ts';
import { Authenticator } from './authenticator.ts';
import { createGuard, requirePermissions } from './guard.ts';
import { serveHealth } from './health.ts';
import { serveKeys } from './keys.ts';
import { serveLive } from './live.ts';
import { serveMetrics } from './metrics.ts';
import { serveNodes } from './nodes.ts';
import { serveOpenApi } from './openapi.ts';
import { createErrorHandler, sendProblem } from './problem.ts';
import { serveReceipts } from './receipts.ts';
import { serveResources } from './resources.ts';
import { serveSession } from './session.ts';
import { serveStatus } from './status.ts';
import { serveTokens } from './tokens.ts';
import { serveUpstreams } from './upstreams.ts';
import { serveRerate, serveUsage } from './usage.ts';

export { startProbes } from './probes.ts';

const bodyLimitBytes = 1 << 20;
const requestTimeoutMs = 30_000;

/** Beside the compiled code, in the package and in a checkout. */
const builtConsole = fileURLToPath(new URL('../../dist/console/', import.meta.url));

export interface AdminSettings {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Null: plain text. */
  readonly tls?: AdminTls | null;
  readonly control: ControlPlane;
  /** Where changes are put on record. */
  readonly audit: AuditLog;
  /** Where the built files of the console are; they need not be there. */
  readonly consoleDirectory?: string;
  /** Names under which it may be reached, besides IP addresses, `localhost` and `host`. */
  readonly hosts?: readonly string[];
  /** Told of bugs; by default they go to standard error. */
  onError?(error: unknown): void;
}

export interface Admin {
  readonly port: number;
  /** Another certificate, for connections from now on. */
  renew(tls: AdminTls): void;
  close(): Promise<void>;
}

/** Starts the admin API. @throws Error when it cannot listen, or a route does not say who may ask it. */
export async function startAdmin(settings: AdminSettings): Promise<Admin> {
  const { control, tls = null } = settings;
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    serverFactory(answer) {
      const server = tls
        ? createSecureServer({ cert: tls.cert, key: tls.key, minVersion: tls.minVersion }, answer)
        : createServer(answer);
      server.requestTimeout = requestTimeoutMs;
      return server;
    },
    forceCloseConnections: true,
    // Nothing is coerced, completed or removed: what does not fit is refused.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false } },
  });
  const hosts = [settings.host, ...(settings.hosts ?? [])].map((host) => host.toLowerCase());
  requirePermissions(app);
  app.addHook(
    'onRequest',
    createGuard({
      authenticator: new Authenticator(control.access),
      admitEdge: (token, nodeId) => control.edges.admit(token, nodeId),
      hosts,
    }),
  );
  app.setErrorHandler(createErrorHandler(settings.onError ?? ((error) => console.error(error))));
  app.setNotFoundHandler((request, reply) => sendProblem(reply, 404, `There is no ${request.method} here.`));
  app.setReplySerializer((payload) =>
    JSON.stringify(payload, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)),
  );
  auditChanges(app, control, settings.audit);
  serveOpenApi(app);
  serveConsole(app, settings.consoleDirectory ?? builtConsole);
  serveHealth(app, control);
  serveMetrics(app, control);
  serveSession(app, control);
  serveTokens(app, control);
  serveStatus(app, control);
  serveLive(app, control);
  serveDiscovery(app, control);
  serveUpstreams(app, control);
  serveCalibration(app, control);
  serveKeys(app, control);
  serveConfig(app, control);
  serveResources(app, control);
  serveNodes(app, control);
  serveEdges(app, control);
  serveUsage(app, control);
  serveReceipts(app, control);
  serveRerate(app, control);
  serveEvents(app, control);
  serveExplain(app, control);
  serveAudit(app, control);
  await app.listen({ host: settings.host, port: settings.port });
  const { server } = app;
  return {
    port: (server.address() as AddressInfo).port,
    renew({ cert, key }) {
      if (server instanceof SecureServer) server.setSecureContext({ cert, key });
    },
    close: () => app.close(),
  };
}
