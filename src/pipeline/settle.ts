import type { AttemptRecord, Exchange } from '#core/exchange.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import type { Usage } from '#core/usage.ts';
import { costEvents } from './cost-event.ts';
import { allNoted } from './kept/note.ts';
import { settleLimits } from './limits/settle-limits.ts';
import { measure } from './measure.ts';
import { pricesOfAttempt, tierServed } from './attempt-prices.ts';
import { asHit, priceUsage } from '#core/price-usage.ts';
import type { Passage } from './passage.ts';
import { subjectsOf } from './record-intent.ts';

/**
 * The one end of every exchange: what was used is measured and priced, limits are settled, and the receipt is put on
 * record. Never throws. False when the receipt, or whose it is what the provider keeps, could not be written.
 * @param heldBytes Of the answer's body, to be given after this.
 */
export async function settle(passage: Passage, heldBytes: number): Promise<boolean> {
  const { exchange, gateway, route } = passage;
  try {
    const attempts: AttemptLine[] = [];
    for (const attempt of exchange.attempts) {
      const measured = measure(passage, attempt);
      attempts.push(lineOf(passage, attempt, measured instanceof Promise ? await measured : measured));
    }
    const { booked, overdraft } = await settleLimits(passage, attempts);
    const receipt = {
      ...receiptOf(passage, attempts, heldBytes),
      ...(overdraft.length > 0 ? { overdraft } : {}),
    };
    const error = await new Promise<Error | null>((done) => gateway.journal.receipt(receipt, booked, done));
    if (error) {
      gateway.observer.failed(exchange, error);
      return false;
    }
    gateway.observer.settled(exchange, receipt);
    for (const event of costEvents(receipt)) gateway.events.emit(event);
    for (const policy of route.onSettled) notify(passage, () => policy.onSettled!(exchange, receipt));
    return passage.noted === undefined || (await allNoted(passage));
  } catch (error) {
    gateway.observer.failed(exchange, error);
    return false;
  }
}

/** What a policy does after the receipt is its own affair: its failure is reported, and changes nothing. */
function notify({ exchange, gateway }: Passage, call: () => void | Promise<void>): void {
  try {
    const pending = call();
    if (pending) pending.catch((error: unknown) => gateway.observer.failed(exchange, error));
  } catch (error) {
    gateway.observer.failed(exchange, error);
  }
}

function lineOf(passage: Passage, attempt: AttemptRecord, usage: Usage | null): AttemptLine {
  const { target } = attempt;
  const flags = [...(usage?.flags ?? []), ...(attempt.flags ?? [])];
  // Whether it arrived cannot be known, so whatever was made anew may have been done twice.
  if (attempt.fault?.details.ambiguous) flags.push('ambiguous');
  const pricing = {
    prices: pricesOfAttempt(passage, attempt, usage),
    serviceTier: target && tierServed(passage.exchange, target, usage?.serviceTier ?? attempt.servedTier),
    tolerance: target?.provider.costTolerance,
  };
  // What nobody bills needs no price.
  const isBilled = target !== null || passage.route.meter !== null;
  const own = priceUsage(usage, pricing, isBilled ? flags : []);
  const priced = attempt.hitPercent === undefined ? own : asHit(own, attempt.hitPercent);
  return {
    number: attempt.number,
    provider: attempt.provider,
    model: target?.model ?? (usage && passage.exchange.meteredAs) ?? '',
    startedAtMs: attempt.startedAtMs,
    endedAtMs: attempt.endedAtMs || passage.gateway.clock.nowMs(),
    status: attempt.status,
    fault: attempt.fault?.code ?? null,
    upstreamId: attempt.upstreamId,
    usageSource: usage?.source ?? null,
    rawUsage: usage?.raw ?? null,
    flags,
    ...priced,
  };
}

function receiptOf(
  { exchange, gateway, recording, route }: Passage,
  attempts: readonly AttemptLine[],
  heldBytes: number,
): Receipt {
  const unheard = recording?.unheard === true;
  const flags = [...(exchange.replayOf === null ? [] : ['replayed']), ...(unheard ? ['unheard'] : [])];
  return {
    id: exchange.id,
    route: exchange.routeName,
    outcome: exchange.outcome,
    status: exchange.status,
    fault: exchange.fault?.code ?? null,
    subjects: subjectsOf({ exchange, gateway }),
    dialect: exchange.dialectName,
    requestedModel: exchange.brief?.model ?? null,
    admittedAtMs: exchange.admittedAtMs,
    settledAtMs: gateway.clock.nowMs(),
    firstContentAtMs: exchange.firstContentAtMs,
    requestBytes: exchange.requestBytes,
    responseBytes: exchange.socket?.upstreamBytes ?? exchange.inbound.bytesOut + (unheard ? 0 : heldBytes),
    ...(exchange.socket ? { socket: exchange.socket } : {}),
    traceId: exchange.trace.traceId,
    ...(flags.length > 0 ? { flags } : {}),
    ...(exchange.replayOf === null ? {} : { replayOf: exchange.replayOf }),
    ...(exchange.queuedMs > 0 ? { queuedMs: exchange.queuedMs } : {}),
    ...notesOf(exchange, route.route.operation),
    dropped: exchange.losses.map((loss) => loss.field),
    attempts,
  };
}

/** What policies have noted, and which operation of a described API it was. */
function notesOf({ notes }: Exchange, operation: string | undefined): Pick<Receipt, 'notes'> {
  if (operation !== undefined) return { notes: { ...notes, operation } };
  return notes ? { notes } : {};
}
