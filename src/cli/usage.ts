import { renderCsvRow } from '#core/csv.ts';
import { renderAmount } from '#core/money.ts';
import type { Command } from 'commander';
import { askAdmin, type AdminOptions } from './admin-client.ts';
import { adminOption, jsonOption, momentOf, stateOption, wordList } from './options.ts';
import { print, printJson } from './print.ts';
import { renderTable } from './render-table.ts';

interface UsageFlags extends AdminOptions {
  readonly by: readonly string[];
  readonly from?: number;
  readonly to?: number;
  readonly project?: string;
  readonly service?: string;
  readonly trace?: string;
  readonly csv?: boolean;
  readonly json?: boolean;
}

interface UsageLine {
  readonly [dimension: string]: string | number;
  readonly costNano: string;
  readonly priceNano: string;
}

const figures = [
  ['requests', 'requests'],
  ['errors', 'errors'],
  ['inputTokens', 'input'],
  ['cacheReadTokens', 'cached'],
  ['outputTokens', 'output'],
] as const;

/** What was used, from a running gateway. */
export function addUsage(sluice: Command): void {
  sluice
    .command('usage')
    .description('what was used, what it cost, and what is paid for it')
    .option(
      '--by <names>',
      'any of key, project, team, model, provider, day, route, outcome, service',
      wordList,
      ['project', 'model'],
    )
    .option('--from <time>', 'first day, such as 2026-11-01', momentOf)
    .option('--to <time>', 'last day', momentOf)
    .option('--project <name>', 'of this project only')
    .option('--service <name>', 'of this calling service only')
    .option('--trace <id>', 'of this trace only: 32 hex digits')
    .option('--csv', 'CSV for spreadsheets')
    .addOption(adminOption())
    .addOption(stateOption())
    .addOption(jsonOption())
    .action(show);
}

async function show(flags: UsageFlags): Promise<void> {
  const query = new URLSearchParams({ by: flags.by.join(',') });
  if (flags.from !== undefined) query.set('from', String(flags.from));
  if (flags.to !== undefined) query.set('to', String(flags.to));
  for (const name of ['project', 'service', 'trace'] as const) {
    const value = flags[name];
    if (value !== undefined) query.set(name, value);
  }
  const { usage } = await askAdmin<{ usage: UsageLine[] }>(flags, `GET /v1/usage?${query.toString()}`);
  if (flags.json) return printJson(usage);
  const head = [...flags.by, ...figures.map(([, title]) => title), 'cost', 'price', 'currency'];
  const rows = usage.map((row) => [
    ...flags.by.map((name) => row[name] ?? ''),
    ...figures.map(([name]) => row[name] ?? 0),
    ...[renderAmount(BigInt(row.costNano)), renderAmount(BigInt(row.priceNano))],
    row['currency'] ?? '',
  ]);
  return print(flags.csv ? [head, ...rows].map(renderCsvRow).join('') : renderTable(head, rows));
}
