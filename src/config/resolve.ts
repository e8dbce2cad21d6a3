import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { KeyRecord } from '#core/key.ts';
import type { HttpRoute, LlmRoute, PolicyUse, Route, Snapshot } from '#core/snapshot.ts';
import type { ProviderRecord, Timeouts } from '#core/target.ts';
import { ConfigError, didYouMean, type ConfigProblem } from './problem.ts';
import { resolveModels, resolvePrices, resolveProviders, type PriceSource } from './resolve-models.ts';
import type { ConfigDocument, PolicyEntry, RouteSettings, TimeoutSettings } from './schema.ts';
import { parseDuration, parseSize } from './units.ts';

export interface ResolveScope {
  readonly catalog: ReadonlyMap<string, ProviderRecord>;
  readonly prices: PriceSource;
  readonly version: number;
  /** The document's text, for its digest. */
  readonly text: string;
  /** Name of its source, for messages. */
  readonly source: string;
  readonly nowMs: number;
}

export interface Resolved {
  readonly snapshot: Snapshot;
  /** Keys that the document masters. */
  readonly keys: readonly KeyRecord[];
}

/** Collects what is wrong, so that all of it can be said at once. */
export class Problems {
  readonly list: ConfigProblem[] = [];
  add(path: string, message: string): void {
    this.list.push({ path, message, line: 0, column: 0 });
  }
}

/**
 * Looks every name up, applies every default, and makes the one snapshot that traffic runs on.
 * @throws ConfigError with every problem.
 */
export function resolveConfig(document: ConfigDocument, scope: ResolveScope): Resolved {
  const problems = new Problems();
  const providers = resolveProviders(document, scope.catalog, problems);
  const prices = resolvePrices(document, problems);
  const { models, openProviders } = resolveModels(
    document,
    { providers, prices, seed: scope.prices },
    problems,
  );
  const teams = Object.keys(document.teams ?? {});
  const projects = document.projects ?? {};
  for (const [name, project] of Object.entries(projects)) {
    if (!teams.includes(project.team))
      problems.add(
        `projects.${name}.team`,
        `unknown team "${project.team}"${didYouMean(project.team, teams)}`,
      );
  }
  const keys = resolveKeys(document, problems);
  const limits = document.limits ?? {};
  const bodyBytes = parseSize(limits.body ?? '32MiB');
  const snapshot: Snapshot = {
    version: scope.version,
    digest: createHash('sha256').update(scope.text).digest('hex'),
    listen: {
      host: document.listen?.host ?? '127.0.0.1',
      port: document.listen?.port ?? 8080,
      trustedProxies: document.listen?.trustedProxies ?? [],
    },
    admin: { host: document.admin?.host ?? '127.0.0.1', port: document.admin?.port ?? 9080 },
    threads: typeof document.threads === 'number' ? document.threads : availableParallelism(),
    accessLog: document.log?.access ?? true,
    limits: {
      headerBytes: parseSize(limits.header ?? '32KiB'),
      bodyBytes,
      headTimeoutMs: parseDuration(limits.headTimeout ?? '15s'),
      bodyTimeoutMs: parseDuration(limits.bodyTimeout ?? '300s'),
    },
    drain: {
      delayMs: parseDuration(document.drain?.delay ?? 0),
      graceMs: parseDuration(document.drain?.grace ?? '30s'),
    },
    providers: Object.fromEntries([...providers.values()].map(({ provider }) => [provider.name, provider])),
    models,
    openProviders,
    routes: resolveRoutes(document, { bodyBytes }, problems),
    projects: Object.fromEntries(Object.entries(projects).map(([name, { team }]) => [name, { team }])),
    teams,
  };
  if (problems.list.length) throw new ConfigError(problems.list, scope.source);
  return { snapshot, keys };
}

export function resolveTimeouts(settings: TimeoutSettings | undefined, headerDefault: string): Timeouts {
  return {
    connectMs: parseDuration(settings?.connect ?? '5s'),
    responseHeaderMs: parseDuration(settings?.header ?? headerDefault),
    idleMs: parseDuration(settings?.idle ?? '120s'),
    totalMs: parseDuration(settings?.total ?? 0),
  };
}

function resolveRoutes(
  document: ConfigDocument,
  defaults: { bodyBytes: number },
  problems: Problems,
): Route[] {
  const names = new Set<string>();
  // A policy of the default list is one object for all routes: its instance name says so.
  const defaultList = (document.policies ?? []).map((entry, i) => policyUse(entry, `default/${i}`));
  return (document.routes ?? []).map((settings, i): Route => {
    if (names.has(settings.name))
      problems.add(`routes[${i}].name`, `the name "${settings.name}" is taken by another route`);
    names.add(settings.name);
    const base = {
      name: settings.name,
      match: {
        host: settings.match.host?.toLowerCase() ?? null,
        path: settings.match.path,
        methods: settings.match.methods ?? null,
      },
      policies: routePolicies(settings, defaultList),
      stripPrefix: settings.stripPrefix ?? '',
      bodyBytes: settings.bodyLimit === undefined ? defaults.bodyBytes : parseSize(settings.bodyLimit),
    };
    const { to } = settings;
    if ('llm' in to) {
      return {
        ...base,
        kind: 'llm',
        strict: to.llm.strict ?? false,
        models: to.llm.models ?? null,
      } satisfies LlmRoute;
    }
    return {
      ...base,
      kind: 'http',
      upstreams: (typeof to.http === 'string' ? [to.http] : to.http).map((url) => url.replace(/\/$/, '')),
      preserveHost: to.preserveHost ?? false,
      upgrade: to.upgrade ?? true,
      timeouts: resolveTimeouts(to.timeouts, '60s'),
    } satisfies HttpRoute;
  });
}

function routePolicies(settings: RouteSettings, defaultList: readonly PolicyUse[]): PolicyUse[] {
  if (!settings.policies) return [...defaultList];
  return settings.policies.flatMap((entry, i) =>
    entry === 'default' ? defaultList : [policyUse(entry as PolicyEntry, `${settings.name}/${i}`)],
  );
}

function policyUse(entry: PolicyEntry, place: string): PolicyUse {
  const [kind, settings] = Object.entries(entry)[0]!;
  return { kind, instance: `${place}/${kind}`, settings: settings ?? {} };
}

function resolveKeys(document: ConfigDocument, problems: Problems): KeyRecord[] {
  const projects = document.projects ?? {};
  return Object.entries(document.keys ?? {}).map(([name, key]) => {
    const project = projects[key.project];
    if (!project)
      problems.add(
        `keys.${name}.project`,
        `unknown project "${key.project}"${didYouMean(key.project, Object.keys(projects))}`,
      );
    if ((key.secret === undefined) === (key.sha256 === undefined)) {
      problems.add(`keys.${name}`, 'expected either "secret" or "sha256"');
    }
    const expiresAtMs = key.expires === undefined ? null : Date.parse(key.expires);
    if (Number.isNaN(expiresAtMs))
      problems.add(
        `keys.${name}.expires`,
        `expected an RFC 3339 time such as 2027-01-31T00:00:00Z, got "${key.expires}"`,
      );
    return {
      id: `file:${name}`,
      name,
      sha256:
        key.sha256 ??
        createHash('sha256')
          .update(key.secret ?? '')
          .digest('hex'),
      project: key.project,
      team: project?.team ?? '',
      expiresAtMs,
      models: key.models ?? null,
      createdAtMs: 0,
      master: 'file',
    };
  });
}
