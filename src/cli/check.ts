import type { Command } from 'commander';
import { CommandFailed } from './command-failed.ts';
import { jsonOption } from './options.ts';
import { print, printJson } from './print.ts';

interface Problem {
  readonly path: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

export function addCheck(sluice: Command): void {
  sluice
    .command('check')
    .description('validate a configuration without using it; exit code 1 when it is not good')
    .argument('<file>')
    .addOption(jsonOption())
    .action(async (file: string, flags: { json?: boolean }) => {
      const found = await checkFile(file);
      if (flags.json) await printJson({ valid: found === null, findings: found?.problems ?? [] });
      else if (found) process.stderr.write(`${found.message}\n`);
      else await print(`${file} is good\n`);
      if (found) throw new CommandFailed('');
    });
}

/** Null when it is good. */
async function checkFile(file: string): Promise<{ message: string; problems: readonly Problem[] } | null> {
  const { ConfigError } = await import('#config/problem.ts');
  try {
    const { listen } = await loadFile(file);
    const { certificateWarnings } = await import('../compose/listeners-in-force.ts');
    // Served nevertheless.
    for (const warning of certificateWarnings(listen, Date.now()))
      process.stderr.write(`${file}: ${warning}\n`);
    return null;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

/** The snapshot that a file stands for in this environment. @throws ConfigError */
export async function loadFile(file: string) {
  const { loadWithSecrets } = await import('../compose/configuration.ts');
  const { openPriceSource } = await import('../compose/price-source.ts');
  const { openSecrets } = await import('../compose/open-secrets.ts');
  const { systemClock } = await import('../compose/system-clock.ts');
  const { createUpstream } = await import('#transport/upstream/index.ts');
  const upstream = createUpstream({ clock: systemClock });
  const secrets = openSecrets({ upstream, say: () => undefined });
  const source = { path: file, env: process.env, prices: await openPriceSource(), secrets };
  const overrides = { stateDirectory: null, port: null, adminPort: null, threads: null };
  try {
    return (await loadWithSecrets({ source, overrides, version: 1 })).snapshot;
  } finally {
    upstream.close();
  }
}
