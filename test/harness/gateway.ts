import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { startGateway, type RunningGateway } from '../../src/main.ts';
import { startSimulator, type Simulator } from '../../simulator/server.ts';

export const testKey = 'sk-test-0123456789abcdef';
export const adminToken = 'admin-test-0123456789abcdef';

export interface TestGateway {
  readonly url: string;
  readonly port: number;
  readonly adminUrl: string;
  readonly simulator: Simulator;
  readonly stateDirectory: string;
  readonly configPath: string;
  /** Writes another configuration where the running one is watched. */
  rewrite(document: object): void;
  admin(path: string, init?: RequestInit): Promise<Response>;
  running: RunningGateway;
  stop(): Promise<void>;
}

export interface TestGatewayOptions {
  /** Merged over the standard document. */
  readonly config?: Record<string, unknown>;
  readonly threads?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly simulator?: Simulator;
  readonly consoleDirectory?: string;
}

/** Providers `o` and `a` (the simulator in either dialect), key-auth, an http route below /api and the LLM route. */
export function standardConfig(
  simulatorUrl: string,
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    version: 1,
    listen: { port: 0 },
    admin: { port: 0 },
    log: { access: false },
    providers: {
      o: { dialect: 'openai-chat', baseUrl: `${simulatorUrl}/v1`, apiKey: 'sk-upstream', prefixes: ['gpt-'] },
      a: { kind: 'anthropic', baseUrl: simulatorUrl, apiKey: 'sk-upstream', prefixes: ['claude-'] },
    },
    prices: {
      'o/*': { input: '2', output: '8' },
      'a/*': { input: '3', output: '15' },
    },
    routes: [
      { name: 'llm', match: { path: '/v1/**' }, to: { llm: {} } },
      { name: 'api', match: { path: '/api/**' }, stripPrefix: '/api', to: { http: simulatorUrl } },
      {
        name: 'open',
        match: { path: '/open/**' },
        stripPrefix: '/open',
        to: { http: simulatorUrl },
        policies: [],
      },
    ],
    policies: [{ 'key-auth': {} }, { 'model-access': {} }],
    teams: { red: {} },
    projects: { web: { team: 'red' } },
    keys: { tester: { project: 'web', secret: testKey } },
    ...more,
  };
}

/** A whole gateway in this process, on free ports, with its state in a folder of its own. */
export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const simulator = options.simulator ?? (await startSimulator({ port: 0 }));
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  const configPath = join(folder, 'sluice.yaml');
  const rewrite = (document: object) => writeFileSync(configPath, stringify(document));
  rewrite(standardConfig(simulator.url, options.config));
  const stateDirectory = join(folder, 'state');
  const running = await startGateway({
    configPath,
    stateDirectory,
    port: 0,
    adminPort: 0,
    threads: options.threads ?? 1,
    ...(options.consoleDirectory ? { consoleDirectory: options.consoleDirectory } : {}),
    env: { SLUICE_ADMIN_TOKEN: adminToken, ...options.env },
  }).catch(async (error: unknown) => {
    if (!options.simulator) await simulator.close();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  const adminUrl = `http://127.0.0.1:${running.adminPort}`;
  const admin = (path: string, init: RequestInit = {}) =>
    fetch(`${adminUrl}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${adminToken}`, ...init.headers },
    });
  return {
    url: `http://127.0.0.1:${running.port}`,
    port: running.port,
    adminUrl,
    simulator,
    stateDirectory,
    configPath,
    rewrite,
    admin,
    running,
    async stop() {
      await running.stop();
      if (!options.simulator) await simulator.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
