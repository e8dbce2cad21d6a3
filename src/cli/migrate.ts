import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { audited } from './audited.ts';
import { CommandFailed } from './command-failed.ts';
import { jsonOption, postgresOption, serverAt, stateOption } from './options.ts';
import { print, printJson } from './print.ts';
import { renderTable } from './render-table.ts';

interface MigrateFlags {
  readonly state: string;
  readonly postgres?: string;
  readonly check?: boolean;
  readonly back?: boolean;
  readonly json?: boolean;
}

/** A part of what is stored, and where its tables stand. */
interface PartState {
  readonly part: string;
  /** 0: there are none yet. */
  readonly version: number;
  /** Of this build. */
  readonly own: number;
}

export function addMigrate(sluice: Command): void {
  sluice
    .command('migrate')
    .description(
      'bring the tables to the version of this build, as its first start does; --back: the ledger’s, to the version before',
    )
    .option('--check', 'change nothing; exit code 1 where this build would, or cannot work')
    .option('--back', 'undo the last step of the ledger, for a return to the build before')
    .addOption(stateOption())
    .addOption(postgresOption())
    .addOption(jsonOption())
    .action(migrate);
}

async function migrate(flags: MigrateFlags): Promise<void> {
  const before = await statesOf(flags);
  if (!flags.check) await change(flags);
  const states = flags.check ? before : await statesOf(flags);
  if (flags.json) await printJson(states);
  else {
    const rows = states.map(({ part, version, own }) => [part, version, own, remarkOn(version, own)]);
    await print(renderTable(['tables of', 'version', 'of this build', ''], rows));
  }
  if (flags.check && states.some(({ version, own }) => version !== own)) throw new CommandFailed('');
}

function remarkOn(version: number, own: number): string {
  if (version === 0) return 'not made yet';
  if (version < own) return 'to be migrated';
  return version > own ? 'of a later build' : '';
}

async function statesOf({ state, postgres }: MigrateFlags): Promise<PartState[]> {
  if (postgres === undefined) {
    const path = join(state, 'ledger.db');
    const { ledgerVersion, ledgerSteps } = await import('#ledger/store/sqlite/open-database.ts');
    return [{ part: 'ledger', version: existsSync(path) ? ledgerVersion(path) : 0, own: ledgerSteps }];
  }
  const { connect, disconnect } = await import('#postgres/connect.ts');
  const { versionOf } = await import('#postgres/migrate.ts');
  const client = await connect({ server: serverAt(postgres), name: 'migrate' });
  try {
    const states: PartState[] = [];
    for (const { part, steps } of await partsOfPostgres())
      states.push({ part, version: await versionOf(client, part), own: steps.length });
    return states;
  } finally {
    await disconnect(client);
  }
}

async function change({ state, postgres, back = false }: MigrateFlags): Promise<void> {
  if (postgres === undefined) {
    const { ledgerVersion, migrateFile } = await import('#ledger/store/sqlite/open-database.ts');
    const path = join(state, 'ledger.db');
    if (!existsSync(path)) throw new CommandFailed(`there is no ledger at ${path}`);
    const { acquireStateLock } = await import('#storage/embedded/state-lock.ts');
    const lock = acquireStateLock(state, { listen: 'none: it is being migrated' });
    try {
      const before = { version: ledgerVersion(path) };
      migrateFile(path, back);
      const after = { version: ledgerVersion(path) };
      if (after.version === before.version) return;
      return await audited(state, { action: 'ledger.migrate', resource: 'ledger', before, after });
    } finally {
      lock.release();
    }
  }
  const { connect, disconnect } = await import('#postgres/connect.ts');
  const { migrate: bring } = await import('#postgres/migrate.ts');
  const client = await connect({ server: serverAt(postgres), name: 'migrate', statementMs: null });
  try {
    const parts = await partsOfPostgres();
    if (back) await bring(client, parts[0]!, parts[0]!.steps.length - 1);
    else for (const part of parts) await bring(client, part, part.steps.length);
  } finally {
    await disconnect(client);
  }
}

/** The ledger's first. */
async function partsOfPostgres() {
  const { ledgerPart } = await import('#ledger/store/postgres/schema.ts');
  const { keptPart } = await import('#storage/distributed/kept-postgres.ts');
  const { keysPart } = await import('#storage/distributed/shared-keys.ts');
  return [ledgerPart, keptPart, keysPart];
}
