import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { renderAmount } from '#core/money.ts';
import { audited } from './audited.ts';
import { CommandFailed } from './command-failed.ts';
import { csvHead, csvRows } from './export-csv.ts';
import { openForWriting, openLedger, type LedgerDoor } from './open-ledger.ts';
import {
  jsonOption,
  momentOf,
  postgresOption,
  serverAt,
  stateOption,
  wholeNumber,
  wordList,
} from './options.ts';
import { print, printJson } from './print.ts';
import { addRerate } from './rerate.ts';
import { renderTable, visible } from './render-table.ts';

const dimensions = [
  'key',
  'project',
  'team',
  'model',
  'provider',
  'day',
  'route',
  'outcome',
  'service',
] as const;

interface LedgerFlags extends LedgerDoor {
  readonly json?: boolean;
}

interface TopFlags extends LedgerFlags {
  readonly by: readonly string[];
  readonly from?: number;
  readonly to?: number;
  readonly project?: string;
  readonly limit: number;
  readonly trace?: string;
}

interface ExportFlags extends Omit<TopFlags, 'by' | 'limit'> {
  readonly format: 'csv' | 'jsonl';
}

/** Offline commands: they read the database itself, of the state directory or of many nodes, whether a gateway runs or not. */
export function addLedger(sluice: Command): void {
  const ledger = sluice
    .command('ledger')
    .description('what was used and what it cost, from the database itself');
  ledger
    .command('verify')
    .description(
      'add the columns up: receipts, counters and movements must agree; exit code 1 when they do not',
    )
    .addOption(stateOption())
    .addOption(postgresOption())
    .addOption(jsonOption())
    .action(verify);
  withRange(ledger.command('top').description('the groups that cost most'))
    .option('--by <names>', `any of ${dimensions.join(', ')}`, wordList, ['team', 'model'])
    .option('--trace <id>', 'of this trace only')
    .option('--limit <number>', 'how many', wholeNumber(1, 10_000), 10)
    .addOption(jsonOption())
    .action(top);
  withRange(
    ledger.command('export').description('receipts: one JSON line each, or one CSV row for each attempt'),
  )
    .addOption(new Option('--format <name>', 'form').choices(['csv', 'jsonl']).default('jsonl'))
    .action(exportReceipts);
  ledger
    .command('prune')
    .description('remove the receipts of old days; their sums and movements stay')
    .requiredOption('--before <day>', 'the first day (UTC, of the id) that stays', dayNumber)
    .addOption(stateOption())
    .addOption(postgresOption())
    .addOption(jsonOption())
    .action(prune);
  addRerate(ledger);
  ledger
    .command('adopt')
    .description('take over from a node that will not come back: its journal, and what it had left open')
    .argument('<node>', 'its id, as sluice status shows it')
    .option('--journal <folder>', 'its journal; left out: it is lost')
    .option('--force', 'also when it was seen a moment ago')
    .addOption(postgresOption().makeOptionMandatory())
    .addOption(jsonOption())
    .action(adopt);
}

/** A day in UTC, as days since 1970-01-01. */
function dayNumber(text: string): number {
  const atMs = momentOf(text);
  if (atMs % 86_400_000 !== 0) throw new InvalidArgumentError('Expected a day such as 2026-11-01.');
  return atMs / 86_400_000;
}

async function prune({ before, ...flags }: LedgerFlags & { readonly before: number }): Promise<void> {
  const { pruneBooks } = await import('#ledger/store/prune-books.ts');
  const books = await openForWriting(flags);
  const lock = flags.postgres === undefined ? await lockIfFree(flags.state) : null;
  try {
    const { days, receipts } = await pruneBooks(books, before);
    const after = { beforeDay: before, days, receipts };
    if (lock) await audited(flags.state, { action: 'ledger.prune', resource: 'ledger', after });
    if (flags.json) await printJson({ days, receipts });
    else await print(`${receipts} receipts of ${days} day(s) are removed; their sums stay\n`);
  } finally {
    lock?.release();
    await books.close();
  }
}

/** Null: a gateway runs in the directory, which alone writes its audit log. */
async function lockIfFree(state: string) {
  const { acquireStateLock, StateLockedError } = await import('#storage/embedded/state-lock.ts');
  try {
    return acquireStateLock(state, { listen: 'none: its ledger is being pruned' });
  } catch (error) {
    if (!(error instanceof StateLockedError)) throw error;
    process.stderr.write('sluice: a gateway runs here, so this does not go on its audit log\n');
    return null;
  }
}

interface AdoptFlags {
  readonly postgres: string;
  readonly journal?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

async function adopt(node: string, { postgres, journal, force = false, json }: AdoptFlags): Promise<void> {
  if (journal !== undefined && !existsSync(journal)) throw new CommandFailed(`there is no folder ${journal}`);
  const { adoptNode } = await import('#ledger/store/postgres/adopt-node.ts');
  const { acquireStateLock } = await import('#storage/embedded/state-lock.ts');
  // A gateway that runs holds the lock of the directory that its journal is in.
  const state = journal === undefined ? null : dirname(resolve(journal));
  const lock =
    state !== null && existsSync(join(state, 'lock.db'))
      ? acquireStateLock(state, { listen: 'none: its journal is being adopted' })
      : null;
  try {
    const report = await adoptNode({ server: serverAt(postgres), node, journal: journal ?? null, force });
    if (lock) await audited(state!, { action: 'ledger.adopt', resource: `node/${node}`, after: report });
    if (json) await printJson(report);
    else
      await print(
        `${report.segments} segment(s) of ${node} are on the books, ${report.crashed} exchange(s) settled as gateway_crash\n`,
      );
  } finally {
    lock?.release();
  }
}

const withRange = (command: Command) =>
  command
    .addOption(stateOption())
    .addOption(postgresOption())
    .option('--from <time>', 'first moment of admission, such as 2026-11-01', momentOf)
    .option('--to <time>', 'moment before which they were admitted', momentOf)
    .option('--project <name>', 'of this project only');

async function verify(flags: LedgerFlags): Promise<void> {
  const reader = await openLedger(flags);
  try {
    const { receipts, attempts, findings } = await reader.verify();
    const clean = findings.length === 0;
    if (flags.json) await printJson({ clean, receipts, attempts, findings });
    else {
      const rows = findings.map((each) => [each.check, each.subject, each.expected, each.found]);
      if (!clean) await print(renderTable(['check', 'of', 'by the receipts', 'found'], rows));
      await print(
        `${receipts} receipts, ${attempts} attempts: ${clean ? 'everything adds up' : `${findings.length} finding(s)`}\n`,
      );
    }
    if (!clean) throw new CommandFailed('');
  } finally {
    await reader.close();
  }
}

async function top(flags: TopFlags): Promise<void> {
  const groupBy = flags.by.map((word) => {
    const known = dimensions.find((name) => name === word);
    if (!known) throw new CommandFailed(`--by: "${visible(word)}" is none of ${dimensions.join(', ')}`);
    return known;
  });
  const reader = await openLedger(flags);
  try {
    const rows = await reader.usage({
      groupBy,
      limit: flags.limit,
      // Sums are kept by day; the end of a range is not part of it.
      ...(flags.from === undefined ? {} : { fromDay: dayOf(flags.from) }),
      ...(flags.to === undefined ? {} : { toDay: dayOf(flags.to - 1) }),
      ...(flags.project === undefined ? {} : { where: { project: flags.project } }),
      ...(flags.trace === undefined ? {} : { traceId: flags.trace }),
    });
    if (flags.json) return await printJson(rows);
    const head = [...groupBy, 'requests', 'errors', 'input', 'cached', 'output', 'cost', ''];
    const cells = rows.map((row) => [
      ...groupBy.map((name) => row.group[name]),
      row.requests,
      row.errors,
      row.inputTokens,
      row.cacheReadTokens,
      row.outputTokens,
      renderAmount(row.costNano),
      row.currency,
    ]);
    return await print(renderTable(head, cells));
  } finally {
    await reader.close();
  }
}

async function exportReceipts(flags: ExportFlags): Promise<void> {
  const reader = await openLedger(flags);
  const query = {
    ...(flags.from === undefined ? {} : { fromMs: flags.from }),
    ...(flags.to === undefined ? {} : { toMs: flags.to }),
    ...(flags.project === undefined ? {} : { where: { project: flags.project } }),
  };
  try {
    if (flags.format === 'csv') await print(csvHead);
    for await (const receipt of reader.export(query)) {
      await print(flags.format === 'csv' ? csvRows(receipt) : `${JSON.stringify(receipt, bigintsAsText)}\n`);
    }
  } finally {
    await reader.close();
  }
}

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
const bigintsAsText = (_key: string, value: unknown) =>
  typeof value === 'bigint' ? value.toString() : value;
