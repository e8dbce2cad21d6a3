import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { audited } from './audited.ts';
import { CommandFailed } from './command-failed.ts';
import { jsonOption, stateOption } from './options.ts';
import { print, printJson } from './print.ts';

export function addSecrets(sluice: Command): void {
  const secrets = sluice
    .command('secrets')
    .description('what the keys in the state directory are encrypted under');
  secrets
    .command('rotate')
    .description(
      'make another master key in the state directory, and encrypt its keys under that; no gateway may run in it',
    )
    .addOption(stateOption())
    .addOption(jsonOption())
    .action(rotate);
}

async function rotate({ state, json }: { readonly state: string; readonly json?: boolean }): Promise<void> {
  const { masterKeyFile } = await import('#storage/embedded/master-key.ts');
  if (!existsSync(join(state, masterKeyFile)))
    throw new CommandFailed(
      `there is no ${join(state, masterKeyFile)}: where secrets.masterKey is configured, put the new key before the old one there and restart`,
    );
  const { acquireStateLock } = await import('#storage/embedded/state-lock.ts');
  const { rotateMasterKey } = await import('../compose/rewrap-state.ts');
  const lock = acquireStateLock(state, { listen: 'none: its master key is being exchanged' });
  try {
    const rewrapped = rotateMasterKey(state);
    await audited(state, { action: 'master-key.rotate', resource: 'master-key', after: { rewrapped } });
    if (json) await printJson({ rewrapped });
    else await print(`${rewrapped} key(s) are under a new master key; the old one opens nothing any more\n`);
  } finally {
    lock.release();
  }
}
