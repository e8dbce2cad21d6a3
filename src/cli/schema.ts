import type { Command } from 'commander';
import { print } from './print.ts';

export function addSchema(sluice: Command): void {
  sluice
    .command('schema')
    .description('print the JSON Schema of configurations, with the policies of your own that one has')
    .option('--config <file>', 'whose policyFolder is looked at', 'sluice.yaml')
    .action(async ({ config }: { config: string }) => {
      const { loadFile } = await import('./check.ts');
      const { renderSchema } = await import('#config/write-schema.ts');
      const { schemasWith } = await import('../compose/policy-registry.ts');
      const { policyFiles = null } = await loadFile(config);
      await print(renderSchema(schemasWith(policyFiles)));
    });
}
