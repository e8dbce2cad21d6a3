import { userInfo } from 'node:os';
import { CommandFailed } from './command-failed.ts';

/** What a command did to a state directory whose lock it holds, on the audit log there. @throws CommandFailed when it cannot go there. */
export async function audited(
  state: string,
  change: {
    readonly action: string;
    readonly resource: string;
    readonly before?: unknown;
    readonly after: unknown;
  },
): Promise<void> {
  const { recordOffline } = await import('#audit/record-offline.ts');
  try {
    recordOffline(state, { before: null, ...change, user: userName(), masterKeys: givenMasterKeys() });
  } catch (error) {
    throw new CommandFailed(`it was done, but is not in the audit log: ${(error as Error).message}`);
  }
}

/** From the environment, where the configuration's are not at hand; null: they are in the state directory. */
export const givenMasterKeys = (): string[] | null =>
  process.env['SLUICE_MASTER_KEY']?.split(/[\s,]+/) ?? null;

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // An identity without an entry in the system's tables, as in containers.
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
