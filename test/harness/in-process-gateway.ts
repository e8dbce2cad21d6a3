import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Policy } from '#core/contracts/policy.ts';
import { loadConfig } from '../../src/compose/configuration.ts';
import { openPriceSource } from '../../src/compose/price-source.ts';
import { openDataPlane, type DataPlane } from '../../src/workbench/data-plane.ts';

export type InProcessGateway = DataPlane;

/** The data plane in this thread, over real sockets, without keys and ledger: its routes have one more policy, the test's own. */
export async function startInProcess(
  document: object,
  policy: Policy,
  /** Texts of files beside the configuration, by name. */
  files: Readonly<Record<string, string>> = {},
): Promise<InProcessGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  const path = join(folder, 'sluice.yaml');
  writeFileSync(path, stringify({ version: 1, ...document }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const overrides = { stateDirectory: join(folder, 'state'), port: 0, adminPort: 0, threads: 1 };
  const source = { path, env: {}, prices: await openPriceSource() };
  const { snapshot } = loadConfig({ source, overrides, version: 1 });
  rmSync(folder, { recursive: true });
  const use = { kind: policy.name, instance: policy.name, settings: {} };
  const routes = snapshot.routes.map((route) => ({ ...route, policies: [...route.policies, use] }));
  return openDataPlane({
    snapshot: { ...snapshot, routes },
    kinds: () => [{ name: policy.name, create: () => policy }],
  });
}
