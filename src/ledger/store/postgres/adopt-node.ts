import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { connect, disconnect, type PostgresServer } from '#postgres/connect.ts';
import { LedgerWriter, leftOverSegments, type RecoveryReport } from '../ledger-writer.ts';
import { settleDead } from '../post-batch.ts';
import { openPostgresBooks } from './postgres-books.ts';

export interface Adoption {
  readonly server: PostgresServer;
  readonly node: string;
  /** Folder of its journal, or of a copy of that; null: it is lost. The caller has made sure that nobody writes there. */
  readonly journal: string | null;
  /** It was seen, and is given up all the same. */
  readonly force: boolean;
}

/** Not seen for so long, a node may be given up. */
const quietMs = 10_000;

/**
 * Takes over from a node that does not come back: what lies in its journal goes on the books as its own, and what it had left open
 * is settled as after a crash. If it does come back, its receipts correct that.
 * @throws Error when there is no such node, it is there, or the journal is another's.
 */
export async function adoptNode({ server, node, journal, force }: Adoption): Promise<RecoveryReport> {
  await refuseUnlessGone(server, node, force);
  if (journal !== null) refuseAnothers(journal, node);
  const books = await openPostgresBooks({ server, node }, { isVisitor: true });
  try {
    const segments = journal === null ? [] : leftOverSegments(journal);
    if (journal !== null) await new LedgerWriter(books, journal).ingest(segments);
    const crashed = await books.write((tables) => settleDead(tables, { node }));
    return { segments: segments.length, crashed };
  } finally {
    await books.close();
  }
}

async function refuseUnlessGone(server: PostgresServer, node: string, force: boolean): Promise<void> {
  const client = await connect({ server, name: 'command' });
  try {
    const { rows } = await client.query(
      `SELECT node, host, (extract(epoch FROM now() - seen_at) * 1000)::bigint AS age_ms FROM ledger_nodes ORDER BY seen_at DESC`,
    );
    const known = rows.find((row) => row.node === node);
    if (!known) {
      const names = rows.map((row) => `${row.node} (${row.host})`).join(', ');
      throw new Error(`no node "${node}" has written to this ledger; known: ${names || 'none'}`);
    }
    const ageMs = Number(known.age_ms);
    if (ageMs < quietMs && !force)
      throw new Error(
        `${node} on ${known.host} was seen ${Math.round(ageMs / 100) / 10} s ago, so it is there; --force adopts it all the same`,
      );
  } finally {
    await disconnect(client);
  }
}

/** A state directory says whose it is in `node`, beside its journal. */
function refuseAnothers(journal: string, node: string): void {
  const path = join(dirname(journal), 'node');
  if (!existsSync(path)) return;
  const owner = readFileSync(path, 'utf8').trim();
  if (owner !== node) throw new Error(`${journal} is the journal of ${owner}, not of ${node}`);
}
