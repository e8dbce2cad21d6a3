import type { JsonObject } from '#core/call.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import type { Obligation } from '#core/contracts/keeper.ts';
import { type PricedLine, type PricedUnit } from '#core/price.ts';
import type { AttemptLine } from '#core/receipt.ts';
import type { Provider, Target } from '#core/target.ts';
import type { Usage } from '#core/usage.ts';
import type { Gateway } from '../gateway.ts';
import { priceUsage } from '../price-usage.ts';
import { dialectOfPath } from './batch-calls.ts';
import { fetchLines, objectIn } from './fetch-kept.ts';
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
    return new ModelSum(reader, targetOf(gateway, named, provider));
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
  readonly #reader: Dialect;
  readonly #target: Target;
  readonly #lines = new Map<string, PricedLine>();
  readonly #units = new Map<string, PricedUnit>();

  constructor(reader: Dialect, target: Target) {
    this.#reader = reader;
    this.#target = target;
  }

  /** @param answer Null for a call that failed. */
  add(answer: JsonObject | null): void {
    if (!answer) return void this.failed++;
    this.answers++;
    let usage: Usage | null = null;
    try {
      usage = usageIn(this.#reader, answer, this.#target);
    } catch {
      this.flags.add('malformed');
    }
    if (!usage) return void this.flags.add('no-usage');
    const flags = [...usage.flags];
    const { lines, units = [] } = priceUsage(usage, this.#price, flags);
    for (const flag of flags) this.flags.add(flag);
    for (const { line, costNano } of lines) {
      const { count, ...kind } = line;
      const key = JSON.stringify(kind);
      const before = this.#lines.get(key);
      this.#lines.set(key, {
        line: { ...kind, count: count + (before?.line.count ?? 0) },
        costNano: costNano + (before?.costNano ?? 0n),
      });
    }
    for (const { unit, count, costNano } of units) {
      const before = this.#units.get(unit);
      this.#units.set(unit, {
        unit,
        count: count + (before?.count ?? 0),
        costNano: costNano + (before?.costNano ?? 0n),
      });
    }
  }

  get #price() {
    const { price } = this.#target;
    return price?.batch ?? price;
  }

  priced(): Pick<AttemptLine, 'lines' | 'units' | 'priceVersion' | 'currency'> {
    return {
      priceVersion: this.#price?.version ?? null,
      currency: this.#price?.currency ?? 'USD',
      lines: [...this.#lines.values()],
      ...(this.#units.size ? { units: [...this.#units.values()] } : {}),
    };
  }
}
