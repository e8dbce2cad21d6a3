import type { JsonObject } from '#core/call.ts';
import type { Obligation } from '#core/contracts/keeper.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import type { Target } from '#core/target.ts';
import type { Usage } from '#core/usage.ts';
import type { Gateway } from '../gateway.ts';
import { costEvents } from '../cost-event.ts';
import { priceUsage, type Pricing } from '#core/price-usage.ts';
import { fetchDocument } from './fetch-kept.ts';
import { pricingOwed } from './pricing-owed.ts';
import { settleBatch } from './settle-batch.ts';
import { targetOf } from './target-of.ts';
import { usageIn } from './usage-in.ts';

/** Looks, with a minute between the later ones: providers end what takes longer than a day, batches after two. */
const maxTries = 5_000;
/** Looks at a batch that is not there (yet). */
const maxMissing = 10;

/**
 * Looks whether a provider has done what was asked of it, and if so puts its receipt on record: the same one however often
 * it is done. Never throws; what cannot be known now is `open`.
 */
export async function settleOwed(
  gateway: Gateway,
  owed: Obligation,
  tries: number,
): Promise<'settled' | 'open'> {
  try {
    const dialect = gateway.dialects.get(owed.dialect);
    const known = gateway.snapshot.providers[owed.provider];
    const provider = known && dialect ? gateway.speaking(known, dialect) : null;
    const work = owed.batch ? dialect?.client.keeping?.batches : dialect?.client.keeping?.background;
    const giveUp = async () =>
      tries < maxTries ? ('open' as const) : putOnRecord(gateway, owed, [lineOf(gateway, owed, lost)]);
    if (!dialect || !work || provider?.dialect !== dialect.name) return await giveUp();
    const question = { dialect, provider, path: work.path(owed.thing), exchange: owed.receipt };
    const { status, document } = await fetchDocument(gateway, question);
    if (status === 404 && (!owed.batch || tries >= maxMissing))
      return await putOnRecord(gateway, owed, [lineOf(gateway, owed, lost)]);
    if (!document) return await giveUp();
    if (owed.batch) describe(gateway, owed, document);
    if (!work.isDone(document)) return await giveUp();
    if (owed.batch) {
      const done = { dialect, provider, document };
      const lines = await settleBatch(gateway, owed, done).catch((error: unknown) => {
        if (tries < maxTries) throw error;
        return [lineOf(gateway, owed, lost)];
      });
      return await putOnRecord(gateway, owed, lines);
    }
    const target = targetOf(gateway, owed, provider);
    const line = lineOf(gateway, owed, {
      usage: usageIn(dialect, document, target),
      target,
      status,
      doneAtMs: work.doneAtMs(document),
    });
    return await putOnRecord(gateway, owed, [line]);
  } catch (error) {
    gateway.observer.owedFailed(owed, error);
    return 'open';
  }
}

interface Done {
  readonly usage: Usage | null;
  readonly target: Target | null;
  readonly status: number;
  readonly doneAtMs: number | null;
}

/** Nobody can say any more what it used. */
const lost: Done = {
  usage: { lines: [], source: 'estimate', raw: null, flags: ['uncertain'] },
  target: null,
  status: 404,
  doneAtMs: null,
};

/** Lists say how it stands. */
function describe(gateway: Gateway, owed: Obligation, document: JsonObject): void {
  const { thing, provider, subjects } = owed;
  gateway.keeper
    .describe({ id: thing, provider, owner: subjects.project }, JSON.stringify(document))
    .catch((error: unknown) => gateway.observer.owedFailed(owed, error));
}

function pricingOf(gateway: Gateway, owed: Obligation, { target, usage }: Done): Pricing {
  if (target) return pricingOwed(gateway, owed, { target, usage });
  return { prices: () => ({ cost: null, charge: null }), serviceTier: null, tolerance: undefined };
}

function lineOf(gateway: Gateway, owed: Obligation, done: Done): AttemptLine {
  const { usage, status, doneAtMs } = done;
  const flags = [...(usage?.flags ?? []), owed.batch ? 'batch' : 'background'];
  return {
    number: 1,
    provider: owed.provider,
    model: owed.model,
    startedAtMs: owed.beganAtMs,
    endedAtMs: doneAtMs ?? owed.beganAtMs,
    status,
    fault: null,
    upstreamId: owed.thing,
    usageSource: usage?.source ?? null,
    rawUsage: usage?.raw ?? null,
    flags,
    ...priceUsage(usage, pricingOf(gateway, owed, done), flags),
  };
}

/** Everything on it comes from the obligation and what the provider says, so that a second one is the same. */
async function putOnRecord(
  gateway: Gateway,
  owed: Obligation,
  attempts: readonly AttemptLine[],
): Promise<'settled'> {
  const last = attempts.at(-1)!;
  const receipt: Receipt = {
    id: owed.receipt,
    route: owed.route,
    outcome: 'completed',
    status: last.status,
    fault: null,
    subjects: owed.subjects,
    dialect: owed.dialect,
    requestedModel: owed.requestedModel,
    admittedAtMs: owed.beganAtMs,
    settledAtMs: last.endedAtMs,
    firstContentAtMs: null,
    requestBytes: 0,
    responseBytes: 0,
    traceId: null,
    dropped: [],
    attempts,
  };
  await new Promise<void>((resolve, reject) => {
    gateway.journal.receipt(receipt, [], (error) => (error ? reject(error) : resolve()));
  });
  for (const event of costEvents(receipt)) gateway.events.emit(event);
  return 'settled';
}
