import type { Command } from 'commander';
import { jsonOption } from './options.ts';
import { print, printJson } from './print.ts';
import { renderTable } from './render-table.ts';

export function addProviders(sluice: Command): void {
  sluice
    .command('providers')
    .description('the providers that are known beforehand: what they speak, and where')
    .addOption(jsonOption())
    .action(async (flags: { json?: boolean }) => {
      const { catalog } = await import('../compose/catalog.ts');
      const records = [...catalog.values()].filter(({ baseUrl }) => !baseUrl?.startsWith('builtin:'));
      if (flags.json) return printJson(records);
      await print(
        renderTable(
          ['name', 'provider', 'speaks', 'address', 'key or address from'],
          records.map(({ name, title, dialect, speaks = [], baseUrl, locate, variable }) => [
            name,
            title,
            [dialect, ...speaks.map((also) => also.dialect)].join(', '),
            baseUrl ?? (locate ? 'by its region or project' : 'of your own (baseUrl)'),
            variable ?? '-',
          ]),
        ),
      );
    });
}
