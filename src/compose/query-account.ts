import type { AccountQuery, AccountRow } from '#core/contracts/account.ts';
import type { Dimension } from '#ledger/store/queries.ts';
import type { Ledger } from '#ledger/store/start-ledger.ts';

/** What a caller may know of its project: what it has used and pays for it, and nothing of what it costs. */
export async function queryAccount(ledger: Ledger, query: AccountQuery): Promise<AccountRow[]> {
  const { project, by, fromDay, toDay } = query;
  const rows = await ledger.usage({ groupBy: by as Dimension[], fromDay, toDay, where: { project } });
  return rows.map(({ group, currency, requests, errors, costNano: priceNano, ...tokens }) => ({
    group,
    currency,
    requests,
    errors,
    inputTokens: tokens.inputTokens,
    cacheReadTokens: tokens.cacheReadTokens,
    cacheWriteTokens: tokens.cacheWriteTokens,
    outputTokens: tokens.outputTokens,
    reasoningTokens: tokens.reasoningTokens,
    priceNano,
  }));
}
