import { connect, disconnect, inTransaction, type PostgresServer } from '#postgres/connect.ts';
import { isUsable, versionOf } from '#postgres/migrate.ts';
import { askInTime, type Asking } from '../asking.ts';
import type { RemoteReader } from '../offline.ts';
import { queryReceipts, queryUsage } from '../queries.ts';
import { queryTraceUsage } from '../trace-usage.ts';
import { verifyBooks } from '../verify.ts';
import { askClient } from './ask-client.ts';
import { ledgerPart } from './schema.ts';

const pageSize = 500;

/**
 * Opens the ledger of many nodes for reading, beside them. What they have journalled and not ingested is not seen.
 * @throws Error when there is none, or it is of another schema version.
 */
export async function readPostgres(server: PostgresServer): Promise<RemoteReader> {
  const client = await connect({ server, name: 'command', statementMs: null });
  try {
    const version = await versionOf(client, 'ledger');
    if (!isUsable(version, ledgerPart))
      throw new Error(
        `the ledger has schema version ${version}, this build reads ${ledgerPart.steps.length}`,
      );
  } catch (error) {
    await disconnect(client);
    throw error;
  }
  const ask = <T>(asking: Asking<T>): Promise<T> => askInTime(asking, askClient(client));
  return {
    usage: (query) => ask(query.traceId === undefined ? queryUsage(query) : queryTraceUsage(query)),
    verify: () =>
      inTransaction(client, async () => {
        await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
        return ask(verifyBooks());
      }),
    async *export(query) {
      for (let after = ''; ;) {
        const page = await ask(queryReceipts(query, { after, limit: pageSize }));
        yield* page;
        if (page.length < pageSize) return;
        after = page.at(-1)!.id;
      }
    },
    close: () => disconnect(client),
  };
}
