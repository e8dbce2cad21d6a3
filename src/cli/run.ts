import { Command, CommanderError } from 'commander';
import { addAudit } from './audit.ts';
import { addBackup } from './backup.ts';
import { addCheck } from './check.ts';
import { addExplain } from './explain.ts';
import { addConfig } from './config.ts';
import { CommandFailed } from './command-failed.ts';
import { addImport } from './import.ts';
import { addKeys } from './keys.ts';
import { addLedger } from './ledger.ts';
import { addMigrate } from './migrate.ts';
import { addNew } from './new.ts';
import { addNodes } from './nodes.ts';
import { addProviders } from './providers.ts';
import { addSchema } from './schema.ts';
import { addSecrets } from './secrets.ts';
import { addStart } from './start.ts';
import { addStatus } from './status.ts';
import { addTestPolicies } from './test-policies.ts';
import { addTokens } from './tokens.ts';
import { addTop } from './top.ts';
import { addUsage } from './usage.ts';
import { addUpstreams } from './upstreams.ts';
import { readVersion } from '../compose/read-version.ts';

/** Runs a command line. Resolves with the exit code: 0 done, 1 failed, 2 not understood. */
export async function run(args: readonly string[]): Promise<number> {
  // A reader that has seen enough (`| head`) is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  try {
    await program().parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { message, stack } = error as Error;
    const expected = error instanceof CommandFailed || !process.env['SLUICE_DEBUG'];
    if (message !== '') process.stderr.write(`sluice: ${expected ? message : stack}\n`);
    return 1;
  }
}

function program(): Command {
  const sluice = new Command('sluice')
    .description('An API gateway that speaks AI: one front door, one set of policies, one ledger.')
    .version(readVersion())
    .exitOverride()
    .showHelpAfterError('(sluice --help lists the commands)');
  addStart(sluice);
  addCheck(sluice);
  addExplain(sluice);
  addConfig(sluice);
  addStatus(sluice);
  addTop(sluice);
  addUpstreams(sluice);
  addProviders(sluice);
  addNew(sluice);
  addImport(sluice);
  addTestPolicies(sluice);
  addSchema(sluice);
  addKeys(sluice);
  addTokens(sluice);
  addNodes(sluice);
  addLedger(sluice);
  addAudit(sluice);
  addUsage(sluice);
  addSecrets(sluice);
  addBackup(sluice);
  addMigrate(sluice);
  return sluice;
}
