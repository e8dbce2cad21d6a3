import type { ReservedAmount } from '#core/contracts/journal.ts';
import type { AttemptRecord, Exchange } from '#core/exchange.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import { inputLine, outputLine, totalsOf, type TokenTotals, type Usage } from '#core/usage.ts';
import { costEvents } from './cost-event.ts';
import { allNoted } from './kept/note.ts';
import { measure } from './measure.ts';
import { pricesOfAttempt, tierServed } from './attempt-prices.ts';
import { priceUsage } from './price-usage.ts';
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
    const booked = await settleLimits(exchange, attempts);
    const receipt = receiptOf(passage, attempts, heldBytes);
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
  const priced = priceUsage(usage, pricing, flags);
  return {
    number: attempt.number,
    provider: attempt.provider,
    model: target?.model ?? '',
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

async function settleLimits(exchange: Exchange, attempts: readonly AttemptLine[]): Promise<ReservedAmount[]> {
  if (exchange.settlements.length === 0) return [];
  // What is settled later counts against limits as it was expected to.
  const expected = exchange.attempts.some(({ deferred }) => deferred)
    ? [inputLine(exchange.estimatedInput), outputLine(exchange.brief?.maxOutputTokens ?? 0)]
    : [];
  const lines = attempts.flatMap((attempt) => attempt.lines.map((priced) => priced.line));
  const used = totalsOf([...lines, ...expected]) satisfies TokenTotals;
  const booked: ReservedAmount[] = [];
  // A call that was refused before any attempt used nothing, not even a request.
  const admitted = exchange.attempts.length > 0 || exchange.outcome === 'completed';
  for (const settlement of exchange.settlements) {
    const pending = settlement(used, admitted);
    booked.push(...(pending instanceof Promise ? await pending : pending));
  }
  return booked;
}

/**
 * Settles what limits hold for an exchange that goes on although it uses nothing more itself: a WebSocket whose calls are
 * counted one by one. It was a request like any other.
 */
export async function settleAhead(exchange: Exchange): Promise<void> {
  const settlements = exchange.settlements.splice(0);
  if (settlements.length === 0) return;
  const booked: ReservedAmount[] = [];
  for (const settlement of settlements) booked.push(...(await settlement(totalsOf([]), true)));
  exchange.settlements.push(() => booked);
}

function receiptOf(
  { exchange, gateway, recording }: Passage,
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
    subjects: subjectsOf(exchange),
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
    dropped: exchange.losses.map((loss) => loss.field),
    attempts,
  };
}
