import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { CommandFailed } from './command-failed.ts';
import { policyTemplates } from './policy-templates.ts';
import { print } from './print.ts';

export function addNewPolicy(make: Command): void {
  make
    .command('policy')
    .description('a policy of your own: its code, a test and a page, to go on from')
    .argument('<name>', 'what configurations are to call it: lower-case letters, digits and hyphens')
    .option('--folder <path>', 'the folder of your policies (policyFolder)', 'policies')
    .action(async (name: string, { folder }: { folder: string }) => {
      if (!/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(name))
        throw new CommandFailed(`"${name}" is no name: lower-case letters, digits and hyphens are`);
      const { schemasWith } = await import('../compose/policy-registry.ts');
      if (schemasWith(null).has(name))
        throw new CommandFailed(`"${name}" is a policy of the gateway's own. Choose another name.`);
      const place = join(folder, name);
      if (existsSync(place)) throw new CommandFailed(`${place} is there already. Choose another name.`);
      mkdirSync(place, { recursive: true });
      const files = policyTemplates(name);
      for (const [file, text] of Object.entries(files)) writeFileSync(join(place, file), text);
      await print(
        `${place} has ${Object.keys(files).join(', ')}.\n\n` +
          `  sluice test-policies ${folder}    runs its test\n\n` +
          `In sluice.yaml:\n\n  policyFolder: ${folder}\n  policies:\n    - key-auth: {}\n    - ${name}: { header: x-team }\n`,
      );
    });
}
