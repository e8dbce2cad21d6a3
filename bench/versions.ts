/**
 * Requests per second by version of HTTP, with TLS and without, of this gateway and of nginx in the same run:
 *
 *     node --conditions=source bench/versions.ts [--rounds 3] [--seconds 3]
 *
 * A GET of 1 KB by `h2load` (Debian: nghttp2-client), 64 requests at a time: over 64 connections with HTTP/1.1, over 8
 * connections of 8 streams with HTTP/2. Gateways on one core each in turn, load and upstream on another.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildPrograms } from './build.ts';
import { Children } from './children.ts';
import { accepts, findFreePort, waitUntilReady } from './ports.ts';
import { compare, summarise } from './summary.ts';

const gatewayCore = 0;
const loadCore = 1;
const bearer = 'sk-bench-000000';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '3' } },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

interface Version {
  readonly name: string;
  readonly secure: boolean;
  readonly http2: boolean;
}
const versions: readonly Version[] = [
  { name: 'HTTP/1.1', secure: false, http2: false },
  { name: 'HTTP/1.1 over TLS', secure: true, http2: false },
  { name: 'HTTP/2, prior knowledge', secure: false, http2: true },
  { name: 'HTTP/2 over TLS', secure: true, http2: true },
];

interface Gateway {
  readonly name: string;
  portOf(version: Version): number;
}

const children = new Children();
const directory = mkdtempSync(join(tmpdir(), 'bench-versions-'));
const cert = join(directory, 'cert.pem');
const key = join(directory, 'key.pem');

async function startUpstream(): Promise<number> {
  const upstream = children.start([buildPrograms(import.meta.dirname).upstream], { core: loadCore });
  const [line] = (await once(upstream.stdout, 'data')) as [Buffer];
  return Number(line.toString());
}

async function startNginx(upstreamPort: number): Promise<Gateway> {
  const ports = await Promise.all([findFreePort(), findFreePort(), findFreePort()]);
  const [plain, prior, secure] = ports;
  const folder = join(directory, 'nginx');
  mkdirSync(join(folder, 'logs'), { recursive: true });
  const server = (listen: string) => `
  server {
    listen 127.0.0.1:${listen} backlog=4096;
    http2_max_requests 100000000;
    ssl_certificate ${cert};
    ssl_certificate_key ${key};
    location / {
      proxy_pass http://bench;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }`;
  const config = join(folder, 'nginx.conf');
  writeFileSync(
    config,
    `daemon off; master_process off; pid nginx.pid; error_log stderr crit;
worker_rlimit_nofile 16384;
events { worker_connections 4096; }
http {
  access_log off; tcp_nodelay on; keepalive_requests 100000000; ssl_session_cache shared:bench:4m;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  upstream bench { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 100000000; }
  ${server(String(plain))} ${server(`${prior} http2`)} ${server(`${secure} ssl http2`)}
}
`,
  );
  const child = children.start(['nginx', '-p', folder, '-c', config, '-e', 'stderr'], { core: gatewayCore });
  await waitUntilReady(child, () => accepts(secure));
  return {
    name: 'nginx',
    portOf: (version) => (version.secure ? secure : version.http2 ? prior : plain),
  };
}

async function startSluice(upstreamPort: number): Promise<Gateway> {
  const root = join(import.meta.dirname, '..');
  execFileSync(process.execPath, [join(root, 'scripts', 'build.ts')]);
  const [plain, secure, admin] = await Promise.all([findFreePort(), findFreePort(), findFreePort()]);
  const config = join(directory, 'sluice.yaml');
  const tls = { certificates: [{ cert: `\${file:${cert}}`, key: `\${file:${key}}` }] };
  writeFileSync(
    config,
    JSON.stringify({
      listen: [
        { host: '127.0.0.1', port: plain },
        { host: '127.0.0.1', port: secure, tls },
      ],
      admin: { port: admin },
      threads: 1,
      state: join(directory, 'state'),
      log: { access: false },
      routes: [
        { name: 'plain', match: { path: '/plain/**' }, to: { http: `http://127.0.0.1:${upstreamPort}` } },
      ],
      policies: [{ 'key-auth': {} }, { 'rate-limit': { by: 'project', requests: '100000000/min' } }],
      teams: { bench: {} },
      projects: { bench: { team: 'bench' } },
      keys: { bench: { project: 'bench', secret: bearer } },
    }),
  );
  const command = [process.execPath, join(root, 'bin', 'sluice.js'), 'start', '--config', config];
  const child = children.start(command, { core: gatewayCore });
  await waitUntilReady(child, async () => {
    const answer = await fetch(`http://127.0.0.1:${admin}/readyz`).catch(() => null);
    return answer?.ok === true;
  });
  return { name: 'sluice', portOf: (version) => (version.secure ? secure : plain) };
}

/** @throws Error when a request failed: the figure would be of something else. */
function load(port: number, { secure, http2 }: Version, forSeconds: number): number {
  const shape = http2 ? ['-c', '8', '-m', '8'] : ['--h1', '-c', '64', '-m', '1'];
  const url = `${secure ? 'https' : 'http'}://127.0.0.1:${port}/plain/items`;
  const { stdout, error } = spawnSync(
    'taskset',
    [
      ...['-c', String(loadCore), 'h2load', '-t', '1', ...shape, '-D', String(forSeconds)],
      ...['--warm-up-time', '1', '-H', `authorization: Bearer ${bearer}`, url],
    ],
    { encoding: 'utf8' },
  );
  if (error) throw error;
  const [, perSecond] = /finished in [^,]+, ([\d.]+) req\/s/.exec(stdout) ?? [];
  const [, failed, errored] = /(\d+) failed, (\d+) errored/.exec(stdout) ?? [];
  const good = Number(/status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx/.exec(stdout)?.[1] ?? 0);
  if (!perSecond || failed !== '0' || errored !== '0' || good === 0) throw new Error(stdout);
  return Number(perSecond);
}

try {
  execFileSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-keyout', key, '-out', cert, '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ],
    { stdio: 'ignore' },
  );
  const upstreamPort = await startUpstream();
  const gateways = [await startNginx(upstreamPort), await startSluice(upstreamPort)];
  console.log(
    `| GET of 1 KB, 64 at a time | nginx, requests/s | sluice, requests/s | sluice ÷ nginx |\n|---|---|---|---|`,
  );
  for (const version of versions) {
    const samples = new Map(gateways.map(({ name }) => [name, [] as { perSecond: number }[]]));
    for (const gateway of gateways) load(gateway.portOf(version), version, 2);
    for (let round = 0; round < rounds; round++)
      for (const gateway of round % 2 ? gateways.toReversed() : gateways)
        samples.get(gateway.name)!.push({ perSecond: load(gateway.portOf(version), version, seconds) });
    const own = summarise(samples.get('sluice')!.map(({ perSecond }) => perSecond))!;
    const nginx = summarise(samples.get('nginx')!.map(({ perSecond }) => perSecond))!;
    const ratio = compare(
      { key: 'perSecond', against: 'ratio' },
      samples.get('sluice'),
      samples.get('nginx'),
    )!;
    const range = `${ratio.median.toFixed(3)} [${ratio.least.toFixed(3)}–${ratio.most.toFixed(3)}]`;
    console.log(`| ${version.name} | ${nginx.median.toFixed(0)} | ${own.median.toFixed(0)} | ${range} |`);
  }
} finally {
  await children.endAll();
  rmSync(directory, { recursive: true, force: true });
}
