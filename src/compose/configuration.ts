import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { stringify } from 'yaml';
import { bootstrapOf, bootstrapKeys, isBootstrapKey } from '#config/bootstrap.ts';
import { parseConfig, parsePart, readDocument, type LoadScope } from '#config/load.ts';
import { ConfigError, didYouMean, Problems } from '#config/problem.ts';
import { fillReferences } from '#config/references.ts';
import { masterKeysOf, resolveSecrets } from '#config/resolve-secrets.ts';
import { resolveConfig, type Resolved } from '#config/resolve.ts';
import type { PriceSource } from '#config/resolve-models.ts';
import type { ConfigDocument } from '#config/schema.ts';
import { zeroConfiguration, type Environment } from '#config/zero-configuration.ts';
import { dialects } from '#dialects/index.ts';
import { catalog } from '#providers/catalog/index.ts';
import { compileRoutes } from '#pipeline/compile-routes.ts';
import type { SecretStore } from '#secrets/secret-store.ts';
import { idleServices } from './idle-services.ts';
import { loadPolicyFiles, type PolicyLoading } from './load-policy-files.ts';
import { describedPolicyKinds, schemasWith } from './policy-registry.ts';

export interface ConfigSource {
  readonly prices: PriceSource;
  /** Null: a start without a file. */
  readonly path: string | null;
  readonly env: Environment;
  /** What other places keep; absent: references to them cannot be filled in. */
  readonly secrets?: SecretStore;
}

/** Settings of the command line; they stand above the document's. */
export interface Overrides {
  readonly stateDirectory: string | null;
  readonly port: number | null;
  readonly adminPort: number | null;
  readonly threads: number | null;
}

/** The control plane that a node joins. */
export interface JoinAddress {
  readonly url: string;
  readonly token: string;
}

/** What a process that starts knows of its configuration. */
export interface Opening {
  readonly source: ConfigSource;
  readonly overrides: Overrides;
  /** Null: this node joins none. */
  readonly join: JoinAddress | null;
  say(line: string): void;
}

/** A document that a store or a control plane masters. */
export interface SharedDocument {
  readonly text: string;
  /** 0: nobody has made one yet. */
  readonly version: number;
  /** Of every limit, what this node gives out by itself; all of it unless told. */
  readonly limitPercent?: number;
}

export interface LoadedConfig extends Resolved {
  readonly document: ConfigDocument;
  /** Of the shared document where there is one, else of the node's own. */
  readonly text: string;
  /** Null: the node's own document says everything. */
  readonly shared: SharedDocument | null;
  /** Files that the document refers to. */
  readonly files: readonly string[];
  readonly stateDirectory: string;
  /** What the keys in the state directory are encrypted under; null: what is kept there itself. */
  readonly masterKeys: readonly string[] | null;
}

export interface LoadRequest {
  readonly source: ConfigSource;
  readonly overrides: Overrides;
  readonly version: number;
  /** In place of the file's own text (a dry run). */
  readonly text?: string;
  /** What the node's own document, which says how it is started, is laid over. */
  readonly shared?: SharedDocument | null;
  /** Policies of the operator's own; absent: they are loaded. */
  readonly policies?: PolicyLoading;
}

/** Reads, validates and resolves a configuration. @throws ConfigError with every problem. */
export function loadConfig(request: LoadRequest): LoadedConfig {
  const { source, overrides, version, shared = null } = request;
  const files: string[] = [];
  const own = request.text ?? textOf(source);
  const policyFiles = loadPolicyFiles(own, source, request.policies);
  const scope: LoadScope = {
    env: source.env,
    path: source.path,
    policySchemas: schemasWith(policyFiles),
    state: overrides.stateDirectory ?? stateIn(own, source),
    onFile: (path) => files.push(path),
    ...(source.secrets ? { secret: (reference) => source.secrets!.read(reference) } : {}),
  };
  const text = shared ? shared.text : own;
  const name = shared ? nameOf(shared) : (source.path ?? 'configuration');
  const document = override(
    shared ? layOver(shared, parseConfig(own, scope), { ...scope, name }) : parseConfig(own, scope),
    overrides,
  );
  const resolved = resolveConfig(document, {
    catalog,
    prices: source.prices,
    version,
    text,
    source: name,
    nowMs: Date.now(),
    files: scope,
    policySchemas: scope.policySchemas,
    env: source.env,
  });
  checkDialects(resolved, text, name);
  try {
    // What a policy's schema cannot say, its maker does: better here than on every thread.
    const kinds = describedPolicyKinds(policyFiles);
    compileRoutes(resolved.snapshot, kinds, idleServices(resolved.snapshot));
  } catch (error) {
    const problem = { path: 'policies', message: (error as Error).message, line: 0, column: 0 };
    throw new ConfigError([problem], name);
  }
  const stateDirectory = resolve(overrides.stateDirectory ?? document.state ?? usualState);
  const snapshot = {
    ...resolved.snapshot,
    limitPercent: shared?.limitPercent ?? 100,
    ...(policyFiles ? { policyFiles } : {}),
  };
  const masterKeys = masterKeysOf(document.secrets);
  return { ...resolved, snapshot, document, text, shared, files, stateDirectory, masterKeys };
}

/** The same, once what it refers to in other places is fetched. @throws ConfigError with every problem, what cannot be had among them. */
export async function loadWithSecrets(request: LoadRequest): Promise<LoadedConfig> {
  const { source, shared = null } = request;
  const { secrets } = source;
  try {
    return loadConfig(request);
  } catch (error) {
    if (!secrets || !(error instanceof ConfigError)) throw error;
    const scope: LoadScope = { env: source.env, path: source.path, policySchemas: schemasWith(null) };
    const texts = [request.text ?? textOf(source), ...(shared ? [shared.text] : [])];
    const settings = texts.map((text) => partOf(text, scope)).find((part) => part !== null);
    if (settings === 'wrong') throw error;
    secrets.use(resolveSecrets(settings ?? {}));
    if (!(await secrets.fetchWanted())) throw error;
  }
  return loadConfig(request);
}

/** `wrong`: it is there, and cannot be used. */
function partOf(text: string, scope: LoadScope) {
  try {
    return parsePart(text, 'secrets', scope);
  } catch {
    return 'wrong';
  }
}

const usualState = '.sluice';

/** Where a node's own document says that its state is; of one that is wrong, somewhere. */
function stateIn(own: string, { env, path }: ConfigSource): string {
  try {
    const { state } = readDocument(own, '').written as { state?: unknown };
    return typeof state === 'string' ? fillReferences(state, { env, path }) : usualState;
  } catch {
    return usualState;
  }
}

const nameOf = ({ version }: SharedDocument): string =>
  version === 0 ? 'configuration' : `configuration version ${version}`;

/**
 * A node's own document is above the shared one in what it says of the start. Without a file it is the environment, and
 * beneath.
 */
function layOver(shared: SharedDocument, own: ConfigDocument, scope: LoadScope): ConfigDocument {
  // What is started on this machine is said by this machine's own file, whatever else is.
  const { programs: _, ...document } = parseConfig(shared.text, scope);
  const start = bootstrapOf(own);
  if (scope.path === null) return { ...start, ...document };
  const others = Object.keys(own).filter((key) => key !== 'version' && !isBootstrapKey(key));
  if (others.length === 0) return { ...document, ...start };
  const message = `${others.join(', ')}: not here, since this node takes it from a shared document (sluice apply); a node's own file may say ${bootstrapKeys.join(', ')}`;
  throw new ConfigError([{ path: '', message, line: 0, column: 0 }], scope.path);
}

/** @throws ConfigError */
function checkDialects({ snapshot }: Resolved, text: string, source: string): void {
  const names = dialects.map(({ name }) => name);
  const problems = new Problems(text);
  for (const { name, dialect, speaks } of Object.values(snapshot.providers)) {
    const unknown = (at: (string | number)[], word: string) =>
      problems.add(['providers', name, ...at], `unknown dialect "${word}"${didYouMean(word, names)}`);
    if (!names.includes(dialect)) unknown(['dialect'], dialect);
    for (const [i, also] of speaks.entries())
      if (!names.includes(also.dialect)) unknown(['speaks', i, 'dialect'], also.dialect);
  }
  problems.throwIfAny(source);
}

/** Without a file there is still a document: the one the environment stands for, its secrets as references. */
function textOf(source: ConfigSource): string {
  if (source.path === null) {
    const document = zeroConfiguration(source.env, catalog.values());
    for (const [name, provider] of Object.entries(document.providers ?? {})) {
      const variable = catalog.get(name)?.variable;
      if (provider.apiKey && variable) provider.apiKey = `\${env:${variable}}`;
    }
    return stringify(document);
  }
  try {
    return readFileSync(source.path, 'utf8');
  } catch (error) {
    const message = `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`;
    throw new ConfigError([{ path: '', message, line: 0, column: 0 }], source.path);
  }
}

function override(document: ConfigDocument, { port, adminPort, threads }: Overrides): ConfigDocument {
  return {
    ...document,
    ...(port === null ? {} : { listen: withPort(document.listen, port) }),
    ...(adminPort === null ? {} : { admin: { ...document.admin, port: adminPort } }),
    ...(threads === null ? {} : { threads }),
  };
}

/** Of several listeners the first one has it. */
function withPort(listen: ConfigDocument['listen'], port: number): ConfigDocument['listen'] {
  if (!Array.isArray(listen)) return { ...listen, port };
  return listen.map((each, i) => (i === 0 ? { ...each, port } : each));
}
