import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort, waitUntilReady } from '../ports.ts';
import { bearerPrefix, type Variant } from './variant.ts';

const root = join(import.meta.dirname, '..', '..');
/** Reading a configuration with 100,000 keys takes its time. */
const startWithinMs = 300_000;
/** What is deployed: the compiled package. */
const entry = join(root, 'bin', 'sluice.js');

/** The gateway with everything on that it offers by default: keys, limits, metering, journal, metrics. */
export const sluice: Variant = {
  name: 'sluice',
  about:
    'key-auth, rate limits by project (tokens and requests), metering, pricing, journal and metrics on; access log off',
  scales: true,
  version() {
    execFileSync(process.execPath, [join(root, 'scripts', 'build.ts')]);
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return `${version} on Node ${process.versions.node}`;
  },
  async start({ children, core, upstreamPort, directory, threads, keys, otherRoutes }) {
    const port = await findFreePort();
    const adminPort = await findFreePort();
    const config = join(directory, 'sluice.yaml');
    const state = join(directory, 'state');
    // JSON is YAML.
    writeFileSync(
      config,
      JSON.stringify(
        renderConfig({ port, adminPort, upstreamPort, state, threads, keys, otherRoutes }),
        null,
        1,
      ),
    );
    const command = [process.execPath, entry, 'start', '--config', config];
    const child = children.start(command, {
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

interface Settings {
  readonly port: number;
  readonly adminPort: number;
  readonly upstreamPort: number;
  readonly state: string;
  readonly threads: number;
  readonly keys: number;
  readonly otherRoutes: number;
}

/** The one place that knows the schema of sluice.yaml. */
function renderConfig(settings: Settings): object {
  const { port, adminPort, upstreamPort, state, threads, keys, otherRoutes } = settings;
  const upstream = `http://127.0.0.1:${upstreamPort}`;
  const models = ['bench-json', 'bench-burst', 'bench-paced'];
  return {
    listen: { host: '127.0.0.1', port },
    admin: { port: adminPort },
    threads,
    state,
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
    // Limits that are counted at every request and never reached.
    policies: [
      { 'key-auth': {} },
      { 'rate-limit': { by: 'project', tokens: '1000000000/min', requests: '100000000/min' } },
    ],
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
