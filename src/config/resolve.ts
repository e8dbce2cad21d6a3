import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { KeyRecord } from '#core/key.ts';
import { createModelIndex } from '#core/resolve-model.ts';
import type { Snapshot } from '#core/snapshot.ts';
import type { ProviderRecord } from '#core/target.ts';
import { didYouMean, Problems } from './problem.ts';
import type { AdminAccess } from '#core/admin-access.ts';
import { resolveAccess, resolveAdmin } from './resolve-admin.ts';
import { resolveAudit } from './resolve-audit.ts';
import { resolveEvents } from './resolve-events.ts';
import { resolveConsumers } from './resolve-consumers.ts';
import { resolveCredentials } from './resolve-credentials.ts';
import { resolveKeys } from './resolve-keys.ts';
import { resolveListeners } from './resolve-listeners.ts';
import { resolveCharges } from './resolve-charges.ts';
import { resolveModels, resolveProviders, type PriceSource } from './resolve-models.ts';
import { resolvePrices } from './resolve-prices.ts';
import { resolveSecrets } from './resolve-secrets.ts';
import { resolveShedding } from './resolve-retries.ts';
import { resolveRules } from './resolve-rules.ts';
import { resolveRoutes } from './resolve-routes.ts';
import { resolveService } from './resolve-service.ts';
import { resolveToolServers } from './resolve-tools.ts';
import { resolveStorage } from './resolve-storage.ts';
import { resolveTelemetry } from './resolve-telemetry.ts';
import { resolveUpstreams } from './resolve-upstreams.ts';
import { policyDocuments } from './policy-documents.ts';
import type { DocumentScope } from './load-documents.ts';
import type { ConfigDocument, PolicySchemas } from './schema.ts';
import type { Environment } from './zero-configuration.ts';
import { parseDuration, parseSize } from '#core/units.ts';

export interface ResolveScope {
  readonly catalog: ReadonlyMap<string, ProviderRecord>;
  readonly prices: PriceSource;
  readonly version: number;
  /** The document's text, for its digest. */
  readonly text: string;
  /** Name of its source, for messages. */
  readonly source: string;
  readonly nowMs: number;
  /** Where documents are read that policies and routes refer to, and who is told of their files; absent: here. */
  readonly files?: DocumentScope;
  /** See LoadScope; absent: no policy refers to documents. */
  readonly policySchemas?: PolicySchemas;
  /** What the document may leave unsaid. */
  readonly env?: Environment;
}

export interface Resolved {
  readonly snapshot: Snapshot;
  /** Keys that the document masters. */
  readonly keys: readonly KeyRecord[];
  /** Who may use the admin API. No thread but the main one has it. */
  readonly access: AdminAccess;
}

/**
 * Looks every name up, applies every default, and makes the one snapshot that traffic runs on.
 * @throws ConfigError with every problem.
 */
export function resolveConfig(document: ConfigDocument, scope: ResolveScope): Resolved {
  const problems = new Problems(scope.text);
  const providers = resolveProviders(document, scope.catalog, problems);
  const prices = resolvePrices(document, problems);
  const { models, openProviders } = resolveModels(
    document,
    { providers, prices, seed: scope.prices },
    problems,
  );
  resolveRules(document, models, { index: createModelIndex({ models, openProviders }), problems });
  const teams = Object.keys(document.teams ?? {});
  const projects = document.projects ?? {};
  for (const [name, project] of Object.entries(projects)) {
    if (!teams.includes(project.team))
      problems.add(
        ['projects', name, 'team'],
        `unknown team "${project.team}"${didYouMean(project.team, teams)}`,
      );
  }
  const consumers = resolveConsumers(document, problems);
  const keys = resolveKeys(document, consumers, problems);
  const limits = document.limits ?? {};
  const bodyBytes = parseSize(limits.body ?? '32MiB');
  const routeScope = {
    bodyBytes,
    prices,
    models: createModelIndex({ models, openProviders }),
    modelNames: Object.keys(models),
    toolServers: Object.keys(document.servers ?? {}),
    upstreams: resolveUpstreams(document, scope.source, problems),
    documents: policyDocuments(scope.files ?? { path: null }, scope.policySchemas ?? new Map()),
  };
  const snapshot: Snapshot = {
    version: scope.version,
    digest: createHash('sha256').update(scope.text).digest('hex'),
    listen: resolveListeners(document, problems),
    admin: resolveAdmin(document, problems),
    storage: resolveStorage(document.storage ?? {}, problems),
    threads: typeof document.threads === 'number' ? document.threads : availableParallelism(),
    accessLog: document.log?.access ?? true,
    telemetry: resolveTelemetry(document.telemetry, scope.env ?? {}, problems),
    durability: document.durability ?? 'usual',
    limits: {
      headerBytes: parseSize(limits.header ?? '32KiB'),
      bodyBytes,
      headTimeoutMs: parseDuration(limits.headTimeout ?? '15s'),
      bodyTimeoutMs: parseDuration(limits.bodyTimeout ?? '300s'),
      sendTimeoutMs: parseDuration(limits.sendTimeout ?? '60s'),
    },
    shedding: document.shedding ? resolveShedding(document.shedding) : null,
    drain: {
      delayMs: parseDuration(document.drain?.delay ?? 0),
      graceMs: parseDuration(document.drain?.grace ?? '30s'),
    },
    service: document.service ? resolveService(document.service) : null,
    providers: Object.fromEntries([...providers.values()].map(({ provider }) => [provider.name, provider])),
    models,
    openProviders,
    charges: resolveCharges(document, problems),
    events: resolveEvents(document.events, problems),
    audit: resolveAudit(document.audit, problems),
    routes: resolveRoutes(document, routeScope, problems),
    upstreams: routeScope.upstreams,
    ...(document.servers ? { toolServers: resolveToolServers(document, problems) } : {}),
    projects: Object.fromEntries(Object.entries(projects).map(([name, { team }]) => [name, { team }])),
    consumers,
    credentials: resolveCredentials(document, problems),
    teams,
  };
  const access = resolveAccess(document, problems);
  try {
    resolveSecrets(document.secrets);
  } catch (error) {
    problems.add(['secrets', 'vault'], (error as Error).message);
  }
  problems.throwIfAny(scope.source);
  return { snapshot, keys, access };
}
