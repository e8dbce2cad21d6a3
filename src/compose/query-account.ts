import type { AccountQuery, AccountRow } from '#core/contracts/account.ts';
import type { UsageRow } from '#ledger/store/queries.ts';
import type { Ledger } from '#ledger/store/start-ledger.ts';

/** What a caller may know of its project: what it has used and pays for it, and nothing of what it costs. */
export async function queryAccount(ledger: Ledger, query: AccountQuery): Promise<AccountRow[]> {
  const { project, by, fromDay, toDay } = query;
  const rows = await ledger.usage({ groupBy: by, fromDay, toDay, where: { project } });
  const groups = Map.groupBy(rows, ({ group }) => JSON.stringify(group));
  return [...groups.values()].flatMap(mapGroup).sort((a, b) => (a.priceNano < b.priceNano ? 1 : -1));
}

/** What is paid in another currency than it costs in stands in two rows; the caller's has it together. */
function mapGroup(rows: readonly UsageRow[]): AccountRow[] {
  const paid = rows.filter(({ priceNano }) => priceNano !== 0n);
  const [first = rows[0]!, ...others] = paid;
  const unpaid = rows.filter((row) => row !== first && row.priceNano === 0n);
  return [mapRow(first, unpaid), ...others.map((row) => mapRow(row, []))];
}

function mapRow(row: UsageRow, more: readonly UsageRow[]): AccountRow {
  const all = [row, ...more];
  const sum = (name: 'requests' | 'errors' | `${Tokens}Tokens`) => all.reduce((n, each) => n + each[name], 0);
  return {
    group: row.group,
    currency: row.currency,
    requests: sum('requests'),
    errors: sum('errors'),
    inputTokens: sum('inputTokens'),
    cacheReadTokens: sum('cacheReadTokens'),
    cacheWriteTokens: sum('cacheWriteTokens'),
    outputTokens: sum('outputTokens'),
    reasoningTokens: sum('reasoningTokens'),
    priceNano: row.priceNano,
  };
}

type Tokens = 'input' | 'cacheRead' | 'cacheWrite' | 'output' | 'reasoning';
