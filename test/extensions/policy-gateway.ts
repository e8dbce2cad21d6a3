import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { standardConfig, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { startSimulator } from '../../simulator/server.ts';

export interface PolicyGateway extends TestGateway {
  readonly folder: string;
  /** Writes a file of the folder of policies. */
  write(file: string, text: string): void;
  /** Version of the configuration in force. */
  version(): Promise<number>;
  /** How often a policy has failed, by the metrics. */
  failures(policy: string): Promise<number>;
}

export interface PolicyGatewayOptions {
  /** Texts of the policies' files, by their paths. */
  readonly files: Readonly<Record<string, string>>;
  /** Of every route. */
  readonly policies: readonly object[];
  readonly config?: Record<string, unknown>;
  readonly threads?: number;
}

/** A gateway that runs policies of its operator's. Routes are those of `standardConfig`. */
export async function startPolicyGateway(options: PolicyGatewayOptions): Promise<PolicyGateway> {
  const { files, policies, config, threads } = options;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-policies-'));
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  for (const [file, text] of Object.entries(files)) write(file, text);
  const simulator = await startSimulator({ port: 0 });
  const gateway = await startTestGateway({
    simulator,
    threads,
    config: { policyFolder: folder, policies: [{ 'key-auth': {} }, ...policies], ...config },
  }).catch(async (error: unknown) => {
    await simulator.close();
    rmSync(folder, { recursive: true });
    throw error;
  });
  return {
    ...gateway,
    folder,
    write,
    async version() {
      return ((await (await gateway.admin('/v1/config')).json()) as { version: number }).version;
    },
    async failures(policy) {
      const text = await (await gateway.admin('/metrics')).text();
      return Number(
        new RegExp(`^sluice_policy_failures_total\\{policy="${policy}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0,
      );
    },
    async stop() {
      await gateway.stop();
      await simulator.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export { standardConfig };

/** Asks again until it holds; a minute at most, since the machine may be slow. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await holds());) {
    if (Date.now() > end) throw new Error(`it never came to be that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
