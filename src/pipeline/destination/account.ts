import { accountDimensions, type AccountQuery, type AccountRow } from '#core/contracts/account.ts';
import { renderCsvRow } from '#core/csv.ts';
import { Fault } from '#core/fault.ts';
import { renderAmount } from '#core/money.ts';
import { queryValues } from '#core/query.ts';
import type { FixedRoute } from '#core/snapshot.ts';
import { wholeAnswer, type Answer, type WholeAnswer } from '../answer.ts';
import { limitsAnswer } from './account-limits.ts';
import type { Passage } from '../passage.ts';

const dayMs = 86_400_000;
const usualDays = 30;
const parameters = ['by', 'from', 'to', 'format'] as const;

/** Answers a caller who asks about himself: for the project of the key that he has shown, whatever he says. */
export async function accountAnswer(passage: Passage): Promise<Answer> {
  const { exchange, gateway, route } = passage;
  const { consumer, head } = exchange;
  const { answer } = route.route as FixedRoute;
  if (consumer === null)
    throw new Fault('auth/no-credential', 'Usage is told to whoever shows a key of the project.', {
      headers: ['www-authenticate', 'Bearer realm="sluice"'],
    });
  const prefix = answer.kind === 'account' ? answer.prefix : '';
  if (head.path === `${prefix}/limits`) return wholeAnswer(passage, await limitsAnswer(passage));
  if (head.path !== `${prefix}/usage`)
    throw new Fault('route/not-found', `There is no ${head.path} here; there are /usage and /limits.`);
  const query = readQuery(head.query, exchange.consumedParameter, gateway.clock.nowMs());
  const { format, ...asked } = query;
  const rows = await usageOf(passage, { ...asked, project: consumer.project });
  return wholeAnswer(passage, format === 'csv' ? csvOf(asked, rows) : jsonOf(consumer.project, asked, rows));
}

/** @throws Fault */
async function usageOf({ gateway }: Passage, query: AccountQuery): Promise<readonly AccountRow[]> {
  try {
    return await gateway.account.usage(query);
  } catch (error) {
    if (error instanceof RangeError) throw invalid('by', error.message);
    throw new Fault('account/unavailable', 'The books cannot be read at the moment.', {
      cause: error,
      headers: ['retry-after', '5'],
    });
  }
}

type Asked = Omit<AccountQuery, 'project'>;

/** @throws Fault naming the parameter that is wrong: one that is not known would be taken for a filter that it is not. */
function readQuery(
  query: string,
  consumed: string | null,
  nowMs: number,
): Asked & { readonly format: 'json' | 'csv' } {
  for (const name of new URLSearchParams(query).keys())
    if (name !== consumed && !parameters.some((known) => known === name))
      throw invalid(name, `there is no such parameter; there are ${parameters.join(', ')}`);
  const one = (name: (typeof parameters)[number]): string | null => {
    const values = queryValues(query, name);
    if (values.length > 1) throw invalid(name, 'it is given twice');
    return values[0] ?? null;
  };
  const by = (one('by') ?? 'model').split(',').map((word) => {
    const known = accountDimensions.find((name) => name === word);
    if (!known) throw invalid('by', `"${word}" is none of ${accountDimensions.join(', ')}`);
    return known;
  });
  if (new Set(by).size < by.length) throw invalid('by', 'a word is given twice');
  const toDay = readDay('to', one('to')) ?? renderDay(nowMs);
  const fromDay = readDay('from', one('from')) ?? renderDay(Date.parse(toDay) - (usualDays - 1) * dayMs);
  const format = one('format') ?? 'json';
  if (format !== 'json' && format !== 'csv') throw invalid('format', `"${format}" is neither json nor csv`);
  return { by, fromDay, toDay, format };
}

function readDay(name: string, text: string | null): string | null {
  if (text === null) return null;
  const ms = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(ms) || renderDay(ms) !== text)
    throw invalid(name, `expected a day such as 2026-11-23, got "${text}"`);
  return text;
}

const renderDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

const invalid = (name: string, message: string): Fault =>
  new Fault('request/invalid-query', `${name}: ${message}.`, { field: name });

function jsonOf(project: string, { by, fromDay, toDay }: Asked, rows: readonly AccountRow[]): WholeAnswer {
  const usage = rows.map(({ group, priceNano, ...row }) => ({
    ...group,
    ...row,
    price: renderAmount(priceNano),
  }));
  const body = JSON.stringify({ project, from: fromDay, to: toDay, by, usage });
  return { status: 200, headers: headersOf('application/json'), body };
}

const figures = [
  ['requests', 'requests'],
  ['errors', 'errors'],
  ['inputTokens', 'input_tokens'],
  ['cacheReadTokens', 'cache_read_tokens'],
  ['cacheWriteTokens', 'cache_write_tokens'],
  ['outputTokens', 'output_tokens'],
  ['reasoningTokens', 'reasoning_tokens'],
] as const satisfies readonly (readonly [keyof AccountRow, string])[];

function csvOf({ by }: Asked, rows: readonly AccountRow[]): WholeAnswer {
  const head = renderCsvRow([...by, ...figures.map(([, title]) => title), 'price', 'currency']);
  const lines = rows.map((row) =>
    renderCsvRow([
      ...by.map((name) => row.group[name]),
      ...figures.map(([name]) => row[name]),
      renderAmount(row.priceNano),
      row.currency,
    ]),
  );
  return { status: 200, headers: headersOf('text/csv; charset=utf-8'), body: head + lines.join('') };
}

const headersOf = (type: string) => ['content-type', type, 'cache-control', 'no-store'];
