import type { ProviderRecord } from '#core/target.ts';
import type { ConfigDocument } from './schema.ts';
import type { ProviderSettings } from './schema-provider.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The configuration of a start without a file: the providers whose keys are in the environment, one LLM route, and keys
 * required. With no provider, the built-in simulated model.
 */
export function zeroConfiguration(env: Environment, catalog: Iterable<ProviderRecord>): ConfigDocument {
  const providers: Record<string, ProviderSettings> = {};
  let simulated: string | null = null;
  for (const record of catalog) {
    const { baseUrl, variable } = record;
    const value = variable === null ? undefined : env[variable];
    const region = env['AWS_REGION'] || env['AWS_DEFAULT_REGION'];
    if (record.signer === 'aws-sigv4' && value && region)
      providers[record.name] = { apiKey: value, aws: { region } };
    // One whose address is each customer's own needs a file to say it.
    if (baseUrl === null) continue;
    if (baseUrl.startsWith('builtin:')) simulated = record.name;
    else if (value)
      providers[record.name] = record.credential
        ? { apiKey: value }
        : localServer(value, { ...record, baseUrl });
  }
  if (Object.keys(providers).length === 0 && simulated !== null) providers[simulated] = {};
  return {
    version: 1,
    listen: { host: '127.0.0.1', port: portOf(env['SLUICE_PORT'], 8080) },
    admin: { host: '127.0.0.1', port: portOf(env['SLUICE_ADMIN_PORT'], 9080) },
    providers,
    routes: [{ name: 'llm', match: { path: '/**' }, to: { llm: {} } }],
    policies: [{ 'key-auth': { query: 'key' } }, { 'model-access': {} }],
    teams: { default: {} },
    projects: { default: { team: 'default' } },
  };
}

type Addressed = ProviderRecord & { readonly baseUrl: string };

/** What it speaks besides stands at the same address. */
function localServer(value: string, record: Addressed): ProviderSettings {
  const baseUrl = addressOf(value, record);
  const speaks = (record.speaks ?? []).map(({ dialect, baseUrl: standard = record.baseUrl }) => ({
    dialect,
    baseUrl: baseUrl + standard.slice(record.baseUrl.length),
  }));
  return speaks.length > 0 ? { baseUrl, speaks } : { baseUrl };
}

/** Local servers are named by host and port, with or without a scheme. */
function addressOf(value: string, record: Addressed): string {
  const url = new URL(/^https?:\/\//.test(value) ? value : `http://${value}`);
  const standard = new URL(record.baseUrl);
  if (url.port === '' && !value.includes('://')) url.port = standard.port;
  return `${url.protocol}//${url.host}${url.pathname === '/' ? standard.pathname : url.pathname}`.replace(
    /\/$/,
    '',
  );
}

function portOf(value: string | undefined, standard: number): number {
  const port = Number(value);
  return value !== undefined && Number.isInteger(port) && port >= 0 && port <= 65535 ? port : standard;
}
