import type { Receipt } from '#core/receipt.ts';
import { askAtOnce, type Asking } from './asking.ts';
import { askDatabase } from './sqlite/ask-database.ts';
import { openForReading } from './sqlite/open-database.ts';
import {
  queryReceipts,
  queryUsage,
  findReceipt,
  type ExportQuery,
  type UsageQuery,
  type UsageRow,
} from './queries.ts';
import { queryTraceUsage } from './trace-usage.ts';
import { verifyBooks, type Verification } from './verify.ts';

const pageSize = 500;

export interface LedgerReader {
  usage(query: UsageQuery): UsageRow[];
  receipt(id: string): Receipt | null;
  export(query: ExportQuery): Generator<Receipt>;
  verify(): Verification;
  close(): void;
}

/**
 * Opens a ledger for reading, whether a gateway is writing to it or not. What it has journalled and not ingested is not
 * seen. @throws Error when there is none, or it is of another schema version.
 */
export function readLedger(databasePath: string): LedgerReader {
  const database = openForReading(databasePath);
  const ask = <T>(asking: Asking<T>): T => askAtOnce(asking, askDatabase(database));
  return {
    usage: (query) => ask(query.traceId === undefined ? queryUsage(query) : queryTraceUsage(query)),
    receipt: (id) => ask(findReceipt(id)),
    verify() {
      database.exec('BEGIN');
      try {
        return ask(verifyBooks());
      } finally {
        database.exec('COMMIT');
      }
    },
    close: () => database.close(),
    *export(query) {
      for (let after = ''; ;) {
        const page = ask(queryReceipts(query, { after, limit: pageSize }));
        yield* page;
        if (page.length < pageSize) return;
        after = page.at(-1)!.id;
      }
    },
  };
}

/** The same of a ledger that is asked over a network, or as if it were. */
export interface RemoteReader {
  usage(query: UsageQuery): Promise<UsageRow[]>;
  export(query: ExportQuery): AsyncGenerator<Receipt> | Generator<Receipt>;
  verify(): Promise<Verification>;
  close(): Promise<void>;
}

/** Opens a file of SQLite for whoever does not care which database it is. */
export function readLedgerFile(databasePath: string): RemoteReader {
  const reader = readLedger(databasePath);
  return {
    usage: async (query) => reader.usage(query),
    export: (query) => reader.export(query),
    verify: async () => reader.verify(),
    close: async () => reader.close(),
  };
}

/** Adds up the books of a database file. */
export function verifyDatabase(databasePath: string): Verification {
  const reader = readLedger(databasePath);
  try {
    return reader.verify();
  } finally {
    reader.close();
  }
}

/** The groups that cost most; ten unless told. */
export function topOfDatabase(databasePath: string, query: UsageQuery): UsageRow[] {
  const reader = readLedger(databasePath);
  try {
    return reader.usage({ limit: 10, ...query });
  } finally {
    reader.close();
  }
}
