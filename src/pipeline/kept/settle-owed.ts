import type { JsonObject } from '#core/call.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import type { Obligation } from '#core/contracts/keeper.ts';
import { isObject } from '#core/read-json.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import type { Provider, Target } from '#core/target.ts';
import type { Usage } from '#core/usage.ts';
import type { Gateway } from '../gateway.ts';
import { costEvents } from '../cost-event.ts';
import { pricesOf, tierServed } from '../attempt-prices.ts';
import { priceUsage, type Pricing } from '#core/price-usage.ts';

const maxDocumentBytes = 64 * 1024 * 1024;
/** Looks, with a minute between the later ones: providers end what takes longer than a day. */
const maxTries = 2_000;

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
    const background = dialect?.client.keeping?.background;
    if (!dialect || !background || provider?.dialect !== dialect.name)
      return tries < maxTries ? 'open' : await settle(gateway, owed, lost);
    const { status, document } = await look(gateway, { dialect, provider, owed });
    if (status === 404) return await settle(gateway, owed, lost);
    if (!document || !background.isDone(document))
      return tries < maxTries ? 'open' : await settle(gateway, owed, lost);
    const target = targetOf(gateway, owed, provider);
    return await settle(gateway, owed, {
      usage: usageIn(dialect, document, target),
      target,
      status,
      doneAtMs: background.doneAtMs(document) ?? owed.beganAtMs,
    });
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

/** Of what is used the last word counts. What failed may have used something, too. */
function usageIn(dialect: Dialect, document: JsonObject, target: Target): Usage | null {
  let usage: Usage | null = null;
  for (const event of dialect.provider.parseAnswer(document, target))
    if (event.type === 'usage') usage = event.usage;
  return usage;
}

function targetOf(
  { models }: Gateway,
  { requestedModel, model, provider: name }: Obligation,
  provider: Provider,
): Target {
  const fits = (target: Target) => target.provider.name === name && target.model === model;
  const found = [requestedModel, `${name}/${model}`]
    .flatMap((known) => models.find(known)?.targets ?? [])
    .find(fits);
  return found ?? { provider, model, price: null, defaultMaxOutputTokens: 0 };
}

function pricingOf(gateway: Gateway, { subjects, beganAtMs }: Obligation, { target, usage }: Done): Pricing {
  if (!target)
    return { prices: () => ({ cost: null, charge: null }), serviceTier: null, tolerance: undefined };
  const serviceTier = tierServed({ brief: null, dialectName: '' }, target, usage?.serviceTier);
  return {
    prices: pricesOf(gateway, target, { use: { atMs: beganAtMs, serviceTier }, subjects }),
    serviceTier,
    tolerance: target.provider.costTolerance,
  };
}

/** Everything on it comes from the obligation and the provider's document, so that a second one is the same. */
async function settle(gateway: Gateway, owed: Obligation, done: Done): Promise<'settled'> {
  const { usage, status } = done;
  const flags = [...(usage?.flags ?? []), 'background'];
  const endedAtMs = done.doneAtMs ?? owed.beganAtMs;
  const attempt: AttemptLine = {
    number: 1,
    provider: owed.provider,
    model: owed.model,
    startedAtMs: owed.beganAtMs,
    endedAtMs,
    status,
    fault: null,
    upstreamId: owed.thing,
    usageSource: usage?.source ?? null,
    rawUsage: usage?.raw ?? null,
    flags,
    ...priceUsage(usage, pricingOf(gateway, owed, done), flags),
  };
  const receipt: Receipt = {
    id: owed.receipt,
    route: owed.route,
    outcome: 'completed',
    status,
    fault: null,
    subjects: owed.subjects,
    dialect: owed.dialect,
    requestedModel: owed.requestedModel,
    admittedAtMs: owed.beganAtMs,
    settledAtMs: endedAtMs,
    firstContentAtMs: null,
    requestBytes: 0,
    responseBytes: 0,
    traceId: null,
    dropped: [],
    attempts: [attempt],
  };
  await new Promise<void>((resolve, reject) => {
    gateway.journal.receipt(receipt, [], (error) => (error ? reject(error) : resolve()));
  });
  for (const event of costEvents(receipt)) gateway.events.emit(event);
  return 'settled';
}

/** The document as it stands; null where the provider cannot say now. */
async function look(
  gateway: Gateway,
  {
    dialect,
    provider,
    owed,
  }: { readonly dialect: Dialect; readonly provider: Provider; readonly owed: Obligation },
): Promise<{ readonly status: number; readonly document: JsonObject | null }> {
  const endpoint = gateway.endpoint(provider);
  const path = endpoint.pathPrefix + dialect.client.keeping!.background!.path(owed.thing);
  const request = {
    origin: endpoint.origin,
    method: 'GET',
    path,
    headers: [
      ...endpoint.headers,
      ...dialect.provider.headers([]),
      'accept',
      'application/json',
      'accept-encoding',
      'identity',
      'x-sluice-exchange',
      owed.receipt,
    ],
    body: null,
    timeouts: provider.timeouts,
    idempotent: true,
    upgrade: null,
  };
  const signed = endpoint.sign ? await endpoint.sign(request) : request;
  return new Promise((resolve) => {
    let status = 0;
    let bytes = 0;
    const chunks: Buffer[] = [];
    const call = endpoint.upstream.start(signed, {
      onHead(came: number) {
        status = came;
      },
      onData(chunk) {
        bytes += chunk.length;
        if (bytes <= maxDocumentBytes) return void chunks.push(Buffer.from(chunk));
        call.cancel();
        resolve({ status, document: null });
      },
      onEnd() {
        resolve({ status, document: status < 300 ? objectIn(Buffer.concat(chunks)) : null });
      },
      onFault() {
        resolve({ status: 0, document: null });
      },
    });
  });
}

function objectIn(body: Buffer): JsonObject | null {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    return isObject(parsed) ? parsed : null;
  } catch {
    return null;
  }
}
