import type { JsonObject } from '#core/call.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import type { Obligation } from '#core/contracts/keeper.ts';
import { type PricedLine, type PricedUnit } from '#core/price.ts';
import type { AttemptLine } from '#core/receipt.ts';
import type { Provider } from '#core/target.ts';
import type { Usage } from '#core/usage.ts';
import type { Gateway } from '../gateway.ts';
import { priceUsage, type PricedAttempt } from '#core/price-usage.ts';
import { dialectOfPath } from './batch-calls.ts';
import { fetchLines, objectIn } from './fetch-kept.ts';
import { pricingOwed } from './pricing-owed.ts';
import { targetOf } from './target-of.ts';
import { usageIn } from './usage-in.ts';

interface DoneBatch {
  readonly dialect: Dialect;
  readonly provider: Provider;
  readonly document: JsonObject;
}

/**
 * What the calls of a batch have used: a line of the receipt for each of its models, each call priced by itself, as a tier
 * and the rounding go by the call. The files with the results become the owner's.
 * @throws Fault when they cannot be read now.
 */
export async function settleBatch(
  gateway: Gateway,
  owed: Obligation,
  { dialect, provider, document }: DoneBatch,
): Promise<readonly AttemptLine[]> {
  const batches = dialect.client.keeping!.batches!;
  const { path, models, modelOf } = owed.batch!;
  const reader = path === null ? dialect : (dialectOfPath(gateway, dialect, path)?.dialect ?? dialect);
  const sums = models.map(({ asked, model }) => {
    const named = { requestedModel: asked, model, provider: owed.provider };
    const target = targetOf(gateway, named, provider);
    const price = (usage: Usage | null, flags: string[]) =>
      priceUsage(usage, pricingOwed(gateway, owed, { target, usage }), flags);
    return new ModelSum((answer) => usageIn(reader, answer, target), price);
  });
  const take = (result: JsonObject): void => {
    const { call, answer } = batches.readResult(result);
    const sum = sums[modelOf?.[call] ?? 0] ?? sums[0]!;
    sum.add(answer);
  };
  for (const result of batches.resultsIn?.(document) ?? []) take(result);
  for (const at of batches.resultPaths(document)) {
    const question = { dialect, provider, path: at, exchange: owed.receipt };
    await fetchLines(gateway, question, (line) => {
      const result = objectIn(line);
      if (result) take(result);
      else sums[0]!.flags.add('malformed');
    });
  }
  await noteResults(gateway, owed, batches.madeBy(document));
  const endedAtMs = batches.doneAtMs(document) ?? owed.beganAtMs;
  return sums.map((sum, i) => ({
    number: i + 1,
    provider: owed.provider,
    model: models[i]!.model,
    startedAtMs: owed.beganAtMs,
    endedAtMs,
    status: 200,
    fault: null,
    upstreamId: owed.thing,
    usageSource: 'provider',
    rawUsage: { answers: sum.answers, failed: sum.failed },
    flags: [...sum.flags, 'batch'],
    ...sum.priced(),
  }));
}

async function noteResults(
  { keeper }: Gateway,
  owed: Obligation,
  names: readonly { readonly id: string; readonly kind: string }[],
): Promise<void> {
  if (names.length === 0) return;
  await keeper.note(
    names.map(({ id, kind }) => ({
      id,
      kind,
      provider: owed.provider,
      owner: owed.subjects.project,
      exchange: owed.receipt,
      createdAtMs: owed.beganAtMs,
      expiresAtMs: null,
      document: null,
      madeBy: owed.thing,
    })),
  );
}

/** What the calls for one model have used, by class. */
class ModelSum {
  answers = 0;
  failed = 0;
  readonly flags = new Set<string>();
  readonly #read: (answer: JsonObject) => Usage | null;
  readonly #price: (usage: Usage | null, flags: string[]) => PricedAttempt;
  readonly #lines = new Map<string, PricedLine>();
  readonly #units = new Map<string, PricedUnit>();
  #reportedNano: bigint | null = null;

  constructor(
    read: (answer: JsonObject) => Usage | null,
    price: (usage: Usage | null, flags: string[]) => PricedAttempt,
  ) {
    this.#read = read;
    this.#price = price;
  }

  /** @param answer Null for a call that failed. */
  add(answer: JsonObject | null): void {
    if (!answer) return void this.failed++;
    this.answers++;
    let usage: Usage | null = null;
    try {
      usage = this.#read(answer);
    } catch {
      this.flags.add('malformed');
    }
    if (!usage) return void this.flags.add('no-usage');
    const flags = [...usage.flags];
    const { lines, units = [], reportedCostNano } = this.#price(usage, flags);
    for (const flag of flags) this.flags.add(flag);
    if (reportedCostNano !== undefined) this.#reportedNano = (this.#reportedNano ?? 0n) + reportedCostNano;
    for (const { line, ...cost } of lines) {
      const { count, ...kind } = line;
      const key = JSON.stringify(kind);
      const before = this.#lines.get(key);
      this.#lines.set(key, {
        line: { ...kind, count: count + (before?.line.count ?? 0) },
        ...summed(cost, before),
      });
    }
    for (const { unit, count, ...cost } of units) {
      const before = this.#units.get(unit);
      this.#units.set(unit, { unit, count: count + (before?.count ?? 0), ...summed(cost, before) });
    }
  }

  /** Named by the row of a call without any usage: long inputs have been billed by others of the same version. */
  priced(): PricedAttempt {
    return {
      ...this.#price(null, []),
      lines: [...this.#lines.values()],
      ...(this.#units.size ? { units: [...this.#units.values()] } : {}),
      ...(this.#reportedNano === null ? {} : { reportedCostNano: this.#reportedNano }),
    };
  }
}

type Costs = Pick<PricedLine, 'costNano' | 'priceNano'>;

/** What the customer pays stands beside what it costs for all calls of a batch, or for none. */
const summed = (one: Costs, before: Costs | undefined): Costs => ({
  costNano: one.costNano + (before?.costNano ?? 0n),
  ...(one.priceNano === undefined ? {} : { priceNano: one.priceNano + (before?.priceNano ?? 0n) }),
});
