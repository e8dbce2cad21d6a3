import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { ConfigVersion, ConfigVersionLine } from '#core/contracts/config-store.ts';
import type { ConfigDifference, ConfigFinding } from '#core/contracts/control-plane.ts';
import { renderProblem } from '#config/problem.ts';
import { askAdmin, type AdminOptions } from './admin-client.ts';
import { CommandFailed } from './command-failed.ts';
import { adminOption, jsonOption, stateOption, wholeNumber } from './options.ts';
import { print, printJson } from './print.ts';
import { renderChanges } from './render-changes.ts';
import { renderTable } from './render-table.ts';

interface Flags extends AdminOptions {
  readonly json?: boolean;
}

interface ApplyFlags extends Flags {
  readonly ifVersion?: number;
  readonly dryRun?: boolean;
  readonly comment?: string;
}

interface Difference {
  readonly master: string;
  readonly storedVersion: number | null;
  readonly changes: readonly ConfigDifference[];
}

type Applied = ConfigVersionLine & { readonly refusal: string | null };

const version = wholeNumber(0, 999_999_999);
const withAdmin = (command: Command) =>
  command.addOption(adminOption()).addOption(stateOption()).addOption(jsonOption());

/** The document that many nodes, or one without a file, run on: what would change, changing it, reading it. */
export function addConfig(sluice: Command): void {
  withAdmin(
    sluice.command('diff').description('what would change if a document were applied; secrets are not shown'),
  )
    .argument('<file>')
    .action(diff);
  withAdmin(sluice.command('apply').description('put a document in force, on every node that shares it'))
    .argument('<file>')
    .option('--if-version <number>', 'only if this is the version in force', version)
    .option('--comment <text>', 'kept with the version')
    .option('--dry-run', 'check it, show what would change, and change nothing')
    .action(apply);
  withAdmin(sluice.command('export').description('the document in force, as it was applied'))
    .option('--at-version <number>', 'an earlier one', version)
    .action(exportDocument);
  const config = sluice.command('config').description('versions of the document');
  withAdmin(config.command('history').description('who applied what, the latest first'))
    .option('--limit <number>', 'at most so many', wholeNumber(1, 1000))
    .action(history);
  withAdmin(config.command('rollback').description('apply an earlier version again, as a new one'))
    .argument('<version>', 'its number', version)
    .action(rollback);
}

async function diff(file: string, flags: Flags): Promise<void> {
  const found = await differenceTo(readDocument(file), flags);
  if (flags.json) return printJson(found);
  return print(found.changes.length ? renderChanges(found.changes) : 'no differences\n');
}

async function apply(file: string, flags: ApplyFlags): Promise<void> {
  const text = readDocument(file);
  const found = await differenceTo(text, flags);
  if (!flags.json) await print(found.changes.length ? renderChanges(found.changes) : 'no differences\n');
  if (flags.dryRun) return tryOut(text, { flags, found });
  const after = flags.ifVersion ?? found.storedVersion ?? 0;
  return put({ text, comment: flags.comment ?? '', after }, flags);
}

async function tryOut(text: string, { flags, found }: { flags: Flags; found: Difference }): Promise<void> {
  const { findings } = await askAdmin<{ findings: ConfigFinding[] }>(flags, 'POST /v1/config/check', {
    text,
  });
  if (flags.json) await printJson({ ...found, findings });
  if (findings.length > 0)
    throw new CommandFailed(findings.map((each) => renderProblem(each, 'document')).join('\n'));
  if (!flags.json) await print('the document is good; nothing was changed\n');
}

async function put(
  { text, comment, after }: { text: string; comment: string; after: number },
  flags: Flags,
): Promise<void> {
  const request = { line: 'PUT /v1/config', headers: { 'if-match': `"${after}"` } };
  const made = await askAdmin<Applied>(flags, request, { text, comment });
  if (flags.json) await printJson(made);
  else if (made.refusal === null) await print(`version ${made.version} is in force\n`);
  if (made.refusal !== null)
    throw new CommandFailed(`version ${made.version} is made, and this node cannot use it:\n${made.refusal}`);
}

async function exportDocument(flags: Flags & { readonly atVersion?: number }): Promise<void> {
  const { atVersion: at } = flags;
  const line = at === undefined ? 'GET /v1/config' : `GET /v1/config/versions/${at}`;
  const read = await askAdmin<{ text: string }>(flags, line);
  return flags.json ? printJson(read) : print(read.text.endsWith('\n') ? read.text : `${read.text}\n`);
}

async function history(flags: Flags & { readonly limit?: number }): Promise<void> {
  const query = flags.limit === undefined ? '' : `?limit=${flags.limit}`;
  const { versions } = await askAdmin<{ versions: ConfigVersionLine[] }>(
    flags,
    `GET /v1/config/versions${query}`,
  );
  if (flags.json) return printJson(versions);
  const rows = versions.map((each) => [
    each.version,
    new Date(each.madeAtMs).toISOString(),
    each.author,
    each.digest.slice(0, 12),
    each.comment,
  ]);
  return print(renderTable(['version', 'made', 'by', 'digest', 'comment'], rows));
}

async function rollback(to: number, flags: Flags): Promise<void> {
  const { text } = await askAdmin<ConfigVersion>(flags, `GET /v1/config/versions/${to}`);
  const { storedVersion } = await askAdmin<{ storedVersion: number | null }>(flags, 'GET /v1/config');
  return put({ text, comment: `as version ${to}`, after: storedVersion ?? 0 }, flags);
}

const differenceTo = (text: string, flags: Flags): Promise<Difference> =>
  askAdmin<Difference>(flags, 'POST /v1/config/diff', { text });

function readDocument(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandFailed(
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`,
      error,
    );
  }
}
