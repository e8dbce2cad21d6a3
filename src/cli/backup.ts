import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import { audited } from './audited.ts';
import { CommandFailed } from './command-failed.ts';
import { stateOption } from './options.ts';
import { print } from './print.ts';

interface StateFlags {
  readonly state: string;
}

export function addBackup(sluice: Command): void {
  sluice
    .command('backup')
    .description('copy the state directory, also while the gateway runs; one consistent copy')
    .addArgument(new Argument('<folder>', 'where to; it must not be there yet'))
    .addOption(stateOption())
    .action(backup);
  sluice
    .command('restore')
    .description('make a state directory of a copy; its ledger must add up')
    .addArgument(new Argument('<folder>', 'the copy'))
    .addOption(stateOption())
    .action(restoreCopy);
}

async function backup(folder: string, { state }: StateFlags): Promise<void> {
  if (!existsSync(state)) throw new CommandFailed(`there is no state directory at ${state}`);
  const { backUp } = await import('#storage/backup/copy-state.ts');
  const { files, bytes } = await backUp(state, folder);
  await print(`${files} files, ${bytes} bytes, in ${folder}\n`);
}

async function restoreCopy(folder: string, { state }: StateFlags): Promise<void> {
  const { restore } = await import('#storage/backup/copy-state.ts');
  const { acquireStateLock } = await import('#storage/embedded/state-lock.ts');
  const isNew = !existsSync(state);
  const lock = acquireStateLock(state, { listen: 'none: it is being restored' });
  try {
    const copied = await restore(folder, state).catch((error: unknown) => {
      if (isNew) rmSync(state, { recursive: true, force: true });
      throw error;
    });
    await print(`${copied.files} files, ${copied.bytes} bytes, in ${state}\n`);
    const findings = await findingsOf(join(state, 'ledger.db'));
    const after = { from: folder, ...copied, findings };
    await audited(state, { action: 'state.restore', resource: 'state', after });
    if (findings > 0) throw new CommandFailed('');
  } finally {
    lock.release();
  }
}

/** What of a ledger does not add up, as is said; 0 where there is none. */
async function findingsOf(ledger: string): Promise<number> {
  if (!existsSync(ledger)) return 0;
  const { verifyDatabase } = await import('#ledger/store/offline.ts');
  const { receipts, attempts, findings } = verifyDatabase(ledger);
  const said =
    findings.length === 0
      ? 'everything adds up'
      : `${findings.length} finding(s), which sluice ledger verify lists`;
  await print(`${receipts} receipts, ${attempts} attempts: ${said}\n`);
  return findings.length;
}
