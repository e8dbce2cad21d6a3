import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as ask, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { importers, type Imported } from '#import/index.ts';
import { startGateway } from '../../src/main.ts';
import { startSimulator } from '../../simulator/server.ts';
import { adminToken } from '../harness/gateway.ts';
import { startJsonUpstream } from '../harness/json-upstream.ts';

/** What must happen to a request at a gateway with the imported configuration. */
export interface Case {
  /** A row of the table in docs/importing.md. */
  readonly feature: string;
  readonly request: {
    readonly path: string;
    readonly method?: string;
    readonly headers?: Record<string, string>;
    readonly body?: string;
    /** So often; the last answer counts. */
    readonly times?: number;
  };
  readonly expect: {
    readonly status: number;
    readonly headers?: Record<string, string>;
    /** Within the answer's body. */
    readonly body?: string;
    /** What the upstream saw: its name, and what of the request. */
    readonly upstream?: {
      readonly name?: string;
      readonly path?: string;
      readonly host?: string;
      readonly headers?: Record<string, string | null>;
    };
    /** The model that answered. */
    readonly model?: string;
    /** Within what the model was asked. */
    readonly asked?: string;
  };
}

export interface CaseFile {
  /** What the variables that the report asks for are set to. */
  readonly env?: Record<string, string>;
  readonly cases: readonly Case[];
  /** Pointers of the source that must be in the report, and with which outcome. */
  readonly report: Record<string, 'carried' | 'differs' | 'not-carried'>;
}

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Two servers that say what they saw, and a vendor. */
async function startServers() {
  const echo = (name: string) =>
    startJsonUpstream((response, { body, request }) => {
      response.setHeader('content-type', 'application/json');
      response.setHeader('x-from', name);
      response.setHeader('server', 'echo/1');
      if (request.url?.includes('/status/503')) response.statusCode = 503;
      const { url: path, method, headers } = request;
      response.end(JSON.stringify({ name, path, method, headers, body, filler: 'x'.repeat(300) }));
    });
  const [a, b, simulator] = await Promise.all([echo('a'), echo('b'), startSimulator({ port: 0 })]);
  return { a, b, simulator };
}

export interface ImportedGateway {
  readonly imported: Imported;
  run(one: Case): Promise<void>;
  /** Copies of requests that came to the second server unasked. */
  close(): Promise<void>;
}

/** Reads a source, whose servers `a.test:80`, `b.test:80` and `llm.test:80` are there, and serves it. */
export async function startImported(
  format: string,
  path: string,
  env: Record<string, string> = {},
): Promise<ImportedGateway> {
  const servers = await startServers();
  try {
    return await serve({ format, path, env }, servers);
  } catch (error) {
    await closeServers(servers);
    throw error;
  }
}

type Servers = Awaited<ReturnType<typeof startServers>>;

const closeServers = ({ a, b, simulator }: Servers) => Promise.all([a.close(), b.close(), simulator.close()]);

interface Source {
  readonly format: string;
  readonly path: string;
  readonly env: Record<string, string>;
}

async function serve({ format, path, env }: Source, servers: Servers): Promise<ImportedGateway> {
  const { a, b, simulator } = servers;
  const port = (url: string) => new URL(url).port;
  const text = readFileSync(path, 'utf8')
    .replaceAll('a.test:80', `127.0.0.1:${port(a.url)}`)
    .replaceAll('b.test:80', `127.0.0.1:${port(b.url)}`)
    .replaceAll('llm.test:80', `127.0.0.1:${port(simulator.url)}`)
    .replaceAll(/host: ([ab])\.test(,?\s+)port: 80/g, (_, name: string, between: string) => {
      return `host: 127.0.0.1${between}port: ${port(name === 'a' ? a.url : b.url)}`;
    });
  const imported = importers.get(format)!.import({ file: path, text, beside: {} });
  const missing = [...imported.report.variables.keys()].filter((name) => !Object.hasOwn(env, name));
  assert.deepEqual(missing, [], 'the report asks for no other variables');
  const folder = mkdtempSync(join(tmpdir(), 'sluice-import-'));
  const configPath = join(folder, 'sluice.yaml');
  writeFileSync(configPath, stringify({ ...imported.document, log: { access: false } }));
  const running = await startGateway({
    ...{ configPath, stateDirectory: join(folder, 'state'), port: 0, adminPort: 0, threads: 1 },
    env: { SLUICE_ADMIN_TOKEN: adminToken, ...env },
  });
  const send = ({ path: to, method = 'GET', headers = {}, body }: Case['request']): Promise<Answered> =>
    new Promise((resolve, reject) => {
      const sent = ask({ host: '127.0.0.1', port: running.port, path: to, method, headers }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () =>
          resolve({
            status: answer.statusCode!,
            headers: answer.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      });
      sent.on('error', reject);
      sent.end(body);
    });
  return {
    imported,
    async run({ request, expect }) {
      let got = await send(request);
      for (let n = 1; n < (request.times ?? 1); n++) got = await send(request);
      assert.equal(got.status, expect.status, got.body.slice(0, 500));
      for (const [name, value] of Object.entries(expect.headers ?? {}))
        assert.equal(got.headers[name], value, name);
      if (expect.body !== undefined) assert.ok(got.body.includes(expect.body), got.body.slice(0, 500));
      if (expect.model !== undefined)
        assert.equal((JSON.parse(got.body) as { model: string }).model, expect.model);
      if (expect.asked !== undefined)
        assert.ok(
          JSON.stringify(simulator.calls().at(-1)).includes(expect.asked),
          'what the model was asked',
        );
      if (expect.upstream) checkSeen(JSON.parse(got.body) as Seen, expect.upstream);
    },
    async close() {
      await running.stop();
      await closeServers(servers);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Seen {
  readonly name: string;
  readonly path: string;
  readonly headers: Record<string, string>;
}

function checkSeen(seen: Seen, expected: NonNullable<Case['expect']['upstream']>): void {
  if (expected.name !== undefined) assert.equal(seen.name, expected.name);
  if (expected.path !== undefined) assert.equal(seen.path, expected.path);
  if (expected.host !== undefined) assert.equal(seen.headers['host'], expected.host);
  for (const [name, value] of Object.entries(expected.headers ?? {}))
    assert.equal(seen.headers[name] ?? null, value, name);
}
