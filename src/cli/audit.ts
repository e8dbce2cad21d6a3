import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { AuditProof, AuditQuery, AuditRecordView } from '#core/contracts/audit.ts';
import { askAdmin } from './admin-client.ts';
import { givenMasterKeys } from './audited.ts';
import { CommandFailed } from './command-failed.ts';
import { adminOption, jsonOption, momentOf, stateOption, wholeNumber } from './options.ts';
import { print, printJson } from './print.ts';
import { renderTable, visible } from './render-table.ts';

interface Flags {
  readonly admin?: string;
  readonly state: string;
  readonly json?: boolean;
}

interface SearchFlags extends Flags {
  readonly from?: number;
  readonly to?: number;
  readonly who?: string;
  readonly resource?: string;
  readonly exchange?: string;
  readonly project?: string;
  readonly text?: string;
  readonly limit: number;
}

interface VerifyFlags extends Flags {
  readonly expect?: { readonly sequence: number; readonly hash: string };
}

interface ExportFlags extends SearchFlags {
  readonly format: 'jsonl' | 'csv';
}

const apiPage = 1000;

/** Of the state directory itself, whether a gateway runs or not; with `--admin`, of a running one. */
export function addAudit(sluice: Command): void {
  const audit = sluice
    .command('audit')
    .description(
      'who changed what, and what passed: the audit log, from the state directory or the admin API',
    );
  withPlace(audit.command('verify').description('prove every byte of the log; exit code 1 when it cannot be'))
    .option('--expect <sequence:hash>', 'a record that was noted down before must be in it', headOf)
    .action(verify);
  withQuery(withPlace(audit.command('search').description('records that fit, the latest first')))
    .option('--limit <number>', 'how many', wholeNumber(1, apiPage), 50)
    .action(search);
  withQuery(withPlace(audit.command('export').description('records that fit: one JSON line or CSV row each')))
    .addOption(new Option('--format <name>', 'form').choices(['csv', 'jsonl']).default('jsonl'))
    .action(exportRecords);
  audit
    .command('erase')
    .description('destroy the key of what the log keeps of a project’s content; it can still be proved')
    .requiredOption('--project <name>')
    .addOption(adminOption())
    .addOption(stateOption())
    .addOption(jsonOption())
    .action(erase);
}

const withPlace = (command: Command) =>
  command.addOption(adminOption()).addOption(stateOption()).addOption(jsonOption());

const withQuery = (command: Command) =>
  command
    .option('--from <time>', 'first moment, such as 2026-11-01', momentOf)
    .option('--to <time>', 'moment before which it was', momentOf)
    .option('--who <text>', 'part of the id or name of who did it, or whose call it was')
    .option('--resource <text>', 'beginning of the resource, action or route')
    .option('--exchange <id>')
    .option('--project <name>')
    .option('--text <text>', 'anywhere in the record, content included');

function headOf(text: string): { sequence: number; hash: string } {
  const match = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text);
  if (!match)
    throw new InvalidArgumentError('Expected a number and 64 hexadecimal digits, as verify prints them.');
  return { sequence: Number(match[1]), hash: match[2]! };
}

async function verify(flags: VerifyFlags): Promise<void> {
  const expected = flags.expect ?? null;
  const proof =
    flags.admin === undefined ? await verifyHere(flags, expected) : await verifyThere(flags, expected);
  if (flags.json) await printJson(proof);
  else {
    for (const { segment, record, message } of proof.findings)
      await print(`${visible(segment)}${record === null ? '' : `, record ${record}`}: ${visible(message)}\n`);
    for (const note of proof.notes) await print(`${visible(note)}\n`);
    const { records, segments, dropped, head } = proof;
    const lost = dropped > 0 ? `; ${dropped} entries are known to have been dropped` : '';
    const verdict = proof.clean ? 'nothing was changed or taken away' : `${proof.findings.length} finding(s)`;
    await print(`${records} records in ${segments} segments: ${verdict}${lost}\n`);
    if (head) await print(`the last is ${head.sequence}:${head.hash}\n`);
  }
  if (!proof.clean) throw new CommandFailed('');
}

async function verifyHere(flags: Flags, expected: VerifyFlags['expect'] | null): Promise<AuditProof> {
  const { readChainSecret } = await import('#audit/chain-secret.ts');
  const { chainFolder } = await import('#audit/places.ts');
  const { verifyChain } = await import('#audit/verify-chain.ts');
  const secret = readChainSecret(stateOf(flags), await masterOf(flags));
  return verifyChain({ folder: chainFolder(flags.state), secret, expected: expected ?? null });
}

function verifyThere(flags: Flags, expected: VerifyFlags['expect'] | null): Promise<AuditProof> {
  const query = expected ? `?sequence=${expected.sequence}&hash=${expected.hash}` : '';
  return askAdmin<AuditProof>(flags, `GET /v1/audit/verify${query}`);
}

async function search(flags: SearchFlags): Promise<void> {
  const records: AuditRecordView[] = [];
  for await (const record of recordsOf(flags, flags.limit)) records.push(record);
  if (flags.json) return printJson(records);
  return print(renderTable(['number', 'at', 'who', 'what', 'of', 'outcome'], records.map(cellsOf)));
}

function cellsOf(record: AuditRecordView): (string | number)[] {
  const { sequence, at, kind, who, action, resource, outcome, about, route } = record;
  const of = about as
    { readonly consumer?: { readonly id?: string } | null; readonly outcome?: string } | undefined;
  const actor = (who as { readonly id?: string } | undefined)?.id ?? of?.consumer?.id ?? '';
  const what = String(action ?? kind);
  const thing = String(resource ?? record['id'] ?? route ?? '');
  return [sequence, at, actor, what, thing, String(outcome ?? of?.outcome ?? '')];
}

async function exportRecords(flags: ExportFlags): Promise<void> {
  const { auditCsvHead, auditCsvRow } = await import('#audit/render-csv.ts');
  const isCsv = flags.format === 'csv';
  if (isCsv) await print(auditCsvHead);
  for await (const record of recordsOf(flags, null))
    await print(isCsv ? auditCsvRow(record) : `${JSON.stringify(record)}\n`);
}

/** @param limit Null: all; then those of a state directory come in their order. */
async function* recordsOf(flags: SearchFlags, limit: number | null): AsyncGenerator<AuditRecordView> {
  if (flags.admin !== undefined) return yield* askedFor(flags, limit ?? Infinity);
  const { ContentKeys } = await import('#audit/content-keys.ts');
  const { chainFolder } = await import('#audit/places.ts');
  const { exportChain, searchChain } = await import('#audit/search-chain.ts');
  const keys = new ContentKeys(stateOf(flags), await masterOf(flags));
  const reader = { folder: chainFolder(flags.state), keys };
  if (limit === null) yield* exportChain(reader, queryOf(flags, Infinity));
  else yield* await searchChain(reader, queryOf(flags, limit));
}

async function* askedFor(flags: SearchFlags, limit: number): AsyncGenerator<AuditRecordView> {
  const { from, to, who, resource, exchange, project, text } = flags;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ from, to, who, resource, exchange, project, text }))
    if (value !== undefined) query.set(name, String(value));
  for (let left = limit; left > 0;) {
    query.set('limit', String(Math.min(left, apiPage)));
    const page = await askAdmin<{ records: AuditRecordView[]; next?: string }>(
      flags,
      `GET /v1/audit?${query}`,
    );
    yield* page.records;
    left -= page.records.length;
    if (page.next === undefined) return;
    query.set('cursor', page.next);
  }
}

function queryOf(flags: SearchFlags, limit: number): AuditQuery {
  const { from, to, who, resource, exchange, project, text } = flags;
  return {
    ...{ fromMs: from ?? null, toMs: to ?? null, who: who ?? null, resource: resource ?? null },
    ...{ exchange: exchange ?? null, project: project ?? null, text: text ?? null, limit, before: null },
  };
}

async function erase({ project, ...flags }: Flags & { readonly project: string }): Promise<void> {
  const { erased } = await askAdmin<{ erased: boolean }>(flags, 'POST /v1/audit/erase', { project });
  if (flags.json) return printJson({ project, erased });
  const said = erased ? 'cannot be read any more' : 'was not kept, or is erased already';
  return print(`content of ${visible(project)} ${said}\n`);
}

/** @throws CommandFailed when nothing is there. */
function stateOf({ state }: Flags): string {
  // What was begun and is not there any more has been taken away: the proof is to say so.
  if (['audit', 'audit-secret'].some((name) => existsSync(join(state, name)))) return state;
  throw new CommandFailed(
    `there is no audit log in ${state}: nothing was recorded there yet, or --state is to name another directory; --admin asks a running gateway`,
  );
}

async function masterOf({ state }: Flags) {
  const { MasterKey } = await import('#storage/embedded/master-key.ts');
  return new MasterKey({ directory: state, given: givenMasterKeys() });
}
