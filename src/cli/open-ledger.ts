import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Books } from '#ledger/store/books.ts';
import type { RemoteReader } from '#ledger/store/offline.ts';
import { CommandFailed } from './command-failed.ts';
import { serverAt } from './options.ts';

/** Which ledger a command is about. */
export interface LedgerDoor {
  readonly state: string;
  readonly postgres?: string;
}

/** Opens it for reading. @throws CommandFailed when it is not there. */
export async function openLedger({ state, postgres }: LedgerDoor): Promise<RemoteReader> {
  if (postgres !== undefined) {
    const { readPostgres } = await import('#ledger/store/postgres/read-postgres.ts');
    return readPostgres(serverAt(postgres));
  }
  const { readLedgerFile } = await import('#ledger/store/offline.ts');
  return readLedgerFile(databaseIn(state));
}

/** Opens it for a change, beside the gateways that use it. @throws CommandFailed when it is not there. */
export async function openForWriting({ state, postgres }: LedgerDoor): Promise<Books> {
  if (postgres !== undefined) {
    const { openPostgresBooks } = await import('#ledger/store/postgres/postgres-books.ts');
    return openPostgresBooks({ server: serverAt(postgres), node: 'command' }, { isVisitor: true });
  }
  const { openSqliteBooks } = await import('#ledger/store/sqlite/sqlite-books.ts');
  return openSqliteBooks(databaseIn(state));
}

function databaseIn(state: string): string {
  const path = join(state, 'ledger.db');
  if (existsSync(path)) return path;
  throw new CommandFailed(
    `there is no ledger at ${path}; --state names the gateway's directory, --postgres the server of many nodes`,
  );
}
