import type { Command } from 'commander';
import type { RerateReport } from '#core/contracts/control-plane.ts';
import { askAdmin, type AdminOptions } from './admin-client.ts';
import { adminOption, jsonOption, momentOf, stateOption } from './options.ts';
import { print, printJson } from './print.ts';
import { renderTable } from './render-table.ts';

interface RerateFlags extends AdminOptions {
  readonly from?: number;
  readonly to?: number;
  readonly model?: string;
  readonly priceVersion?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Receipts of the past by the prices of the configuration in force. A gateway must run: it has the books. */
export function addRerate(ledger: Command): void {
  ledger
    .command('rerate')
    .description('price receipts anew, and book the difference; twice is once')
    .option('--from <time>', 'first moment of admission, such as 2026-11-01 (all there are)', momentOf)
    .option('--to <time>', 'moment before which they were admitted', momentOf)
    .option('--model <name>', "of attempts with this model only, in the provider's words")
    .option(
      '--price-version <name>',
      'a version of a price, in place of the one in force when an attempt began',
    )
    .option('--dry-run', 'say what would be, and change nothing')
    .addOption(adminOption())
    .addOption(stateOption())
    .addOption(jsonOption())
    .action(rerate);
}

async function rerate({ from, to, model, priceVersion, dryRun, ...flags }: RerateFlags): Promise<void> {
  const report = await askAdmin<RerateReport>(flags, 'POST /v1/ledger/rerate', {
    ...(from === undefined ? {} : { from: String(from) }),
    ...(to === undefined ? {} : { to: String(to) }),
    ...(model === undefined ? {} : { model }),
    ...(priceVersion === undefined ? {} : { version: priceVersion }),
    dryRun: dryRun ?? false,
  });
  if (flags.json) return printJson(report);
  const { examined, corrected, difference } = report;
  const would = report.dryRun ? 'would be corrected; nothing was changed' : 'corrected';
  await print(`${examined} receipts, ${corrected} ${would}\n`);
  if (difference.length > 0)
    await print(
      renderTable(
        ['difference', 'cost', 'price'],
        difference.map(({ currency, cost, price }) => [currency, cost, price]),
      ),
    );
}
