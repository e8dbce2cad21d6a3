import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { CommandFailed } from './command-failed.ts';

export function addTestPolicies(sluice: Command): void {
  sluice
    .command('test-policies')
    .description('run the tests of policies of your own (*.test.ts), by node:test')
    .argument('[folder]', 'the folder of your policies', 'policies')
    .action(async (folder: string) => {
      const files = existsSync(folder) ? testsBelow(folder) : [];
      if (files.length === 0) throw new CommandFailed(`${folder} has no tests (*.test.ts, *.test.js)`);
      const { registerUrl } = await import('../workbench/register-url.ts');
      // What is run is the gateway that this command is of, wherever the folder lies.
      const options = [...process.execArgv, '--import', registerUrl, '--test', ...files];
      const [code] = (await once(spawn(process.execPath, options, { stdio: 'inherit' }), 'close')) as [
        number,
      ];
      if (code !== 0) throw new CommandFailed('');
    });
}

const testsBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.test\.m?[jt]s$/.test(file) && !/(?:^|\/)node_modules\//.test(file))
    .map((file) => join(folder, file))
    .sort();
