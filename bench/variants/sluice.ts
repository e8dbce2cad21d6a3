import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort, waitUntilReady } from '../ports.ts';
import { bearerPrefix, type Placing, type Variant } from './variant.ts';

const root = join(import.meta.dirname, '..', '..');
/** Reading a configuration with 100,000 keys takes its time. */
const startWithinMs = 300_000;
/** What is deployed: the compiled package. */
const entry = join(root, 'bin', 'sluice.js');

/** What sets one gateway of a comparison apart from the others. */
export interface SluiceSettings {
  readonly name: string;
  readonly about: string;
  readonly policies: readonly object[];
  readonly caches?: boolean;
  /** Starts what the gateway needs beside it; what it gives is put into the configuration as `storage`. */
  startStorage?(placing: Placing): Promise<object>;
}

/** Limits that are counted at every request and never reached. */
export const usualPolicies: readonly object[] = [
  { 'key-auth': {} },
  { 'rate-limit': { by: 'project', tokens: '1000000000/min', requests: '100000000/min' } },
];

/** The gateway as its users deploy it: the compiled package, started on a file. */
export function sluiceVariant(settings: SluiceSettings): Variant {
  return {
    name: settings.name,
    about: `${settings.about}; metering, pricing, journal and metrics on; access log off`,
    scales: true,
    caches: settings.caches === true,
    version() {
      buildOnce();
      const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
      return `${version} on Node ${process.versions.node}`;
    },
    async start(placing) {
      const { children, core, directory } = placing;
      const port = await findFreePort();
      const adminPort = await findFreePort();
      const config = join(directory, 'sluice.yaml');
      const storage = await settings.startStorage?.(placing);
      // JSON is YAML.
      const document = renderConfig({ ...placing, port, adminPort, policies: settings.policies, storage });
      writeFileSync(config, JSON.stringify(document, null, 1));
      const child = children.start([process.execPath, entry, 'start', '--config', config], {
        core,
        env: { ...process.env, SLUICE_KEY: 'sk-bench-first-key' },
      });
      await waitUntilReady(
        child,
        async () => {
          const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz`).catch(() => null);
          await answer?.arrayBuffer();
          return answer?.ok === true;
        },
        startWithinMs,
      );
      return { port, child, adminPort };
    },
  };
}

const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
};

const buildOnce = once(() => execFileSync(process.execPath, [join(root, 'scripts', 'build.ts')]));

/** The gateway with everything on that it offers by default: keys, limits, metering, journal, metrics. */
export const sluice = sluiceVariant({
  name: 'sluice',
  about: 'key-auth, rate limits by project (tokens and requests)',
  policies: usualPolicies,
});

interface Settings extends Placing {
  readonly port: number;
  readonly adminPort: number;
  readonly policies: readonly object[];
  readonly storage: object | undefined;
}

/** The one place that knows the schema of sluice.yaml. */
function renderConfig(settings: Settings): object {
  const { port, adminPort, upstreamPort, directory, threads, keys, otherRoutes, policies, storage } =
    settings;
  const upstream = `http://127.0.0.1:${upstreamPort}`;
  const models = ['bench-json', 'bench-burst', 'bench-paced'];
  return {
    listen: { host: '127.0.0.1', port },
    admin: { port: adminPort },
    threads,
    state: join(directory, 'state'),
    ...(storage && { storage }),
    log: { access: false },
    providers: {
      bench: { dialect: 'openai-chat', baseUrl: `${upstream}/v1`, apiKey: 'sk-upstream' },
      other: { dialect: 'anthropic-messages', baseUrl: upstream, apiKey: 'sk-upstream' },
    },
    models: {
      ...Object.fromEntries(models.map((model) => [model, { targets: [`bench/${model}`] }])),
      'bench-words': { targets: ['other/bench-words'] },
      'bench-told': { targets: ['other/bench-told'] },
    },
    prices: {
      'bench/*': { input: '0.15', output: '0.60' },
      'other/*': { input: '0.15', output: '0.60' },
    },
    upstreams: { shop: { targets: [upstream] } },
    routes: [
      // Before the others, so that order alone would try them all.
      ...Array.from({ length: otherRoutes }, (_, index) => otherRoute(index)),
      { name: 'llm', match: { path: '/v1/**' }, to: { llm: {} } },
      { name: 'plain', match: { path: '/plain/**' }, to: { http: [upstream] } },
    ],
    policies,
    teams: { bench: {} },
    projects: { bench: { team: 'bench' } },
    keys: Object.fromEntries(
      Array.from({ length: keys }, (_, index) => {
        const digits = String(index).padStart(6, '0');
        return [`bench-${digits}`, { project: 'bench', secret: `${bearerPrefix}${digits}` }];
      }),
    ),
  };
}

/** A tenth each with a host of its own, a parameter, or an exact path; the others take what is below a prefix. */
function otherRoute(index: number): object {
  const base = `/v1/service-${index}`;
  const match = [
    { host: `host-${index}.bench.test`, path: '/**' },
    { path: `${base}/items/{id}` },
    { path: base },
  ][index % 10] ?? { path: `${base}/**` };
  return { name: `other-${index}`, match, to: { upstream: 'shop' } };
}
