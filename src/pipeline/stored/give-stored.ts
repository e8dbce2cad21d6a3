import type { AttemptRecord } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { StoredBytes } from '#core/contracts/answer-intake.ts';
import type { StoredAnswer } from '#core/stored-answer.ts';
import { wholeAnswer, type Answer } from '../answer.ts';
import { MeterTap, meterOf } from '../meter-tap.ts';
import type { Passage } from '../passage.ts';
import { giveEvents } from './give-events.ts';

/** An answer out of what was kept: no upstream is asked for it. */
export function giveStored(passage: Passage, stored: StoredAnswer): Answer {
  const { exchange, gateway } = passage;
  exchange.outcome = 'cache_hit';
  exchange.firstContentAtMs = gateway.clock.nowMs();
  if (stored.kind === 'events') return giveEvents(passage, stored);
  if (stored.pricePercent > 0) chargeHit(passage, stored);
  if (stored.renewal) passage.renewal = stored.renewal;
  return wholeAnswer(passage, stored);
}

/** The upstream was asked, and what was kept is given instead of its answer. */
export function giveInstead(passage: Passage, stored: StoredBytes): Answer {
  // What it said holds was its answer; what is given because it failed was none of it.
  if (passage.exchange.attempts.at(-1)?.status === 304) {
    passage.exchange.firstContentAtMs = passage.gateway.clock.nowMs();
    return wholeAnswer(passage, stored);
  }
  return giveStored(passage, stored);
}

/** No upstream has answered. @throws the fault, or the one that stands for it. */
export function giveForFault(passage: Passage, fault: Fault): Answer {
  const given = passage.exchange.intake!.onFault(fault);
  if (given === null || given instanceof Fault) throw given ?? fault;
  return giveStored(passage, given);
}

/** What an upstream's answer would have been billed, where the route has a price. */
function chargeHit(passage: Passage, { status, headers, body, pricePercent }: StoredBytes): void {
  const meter = meterOf(passage);
  if (!meter) return;
  const tap = new MeterTap(meter);
  tap.begin(status, headers);
  if (body) tap.take(body);
  tap.end();
  const nowMs = passage.gateway.clock.nowMs();
  const record: AttemptRecord = {
    number: passage.exchange.attempts.length + 1,
    target: null,
    provider: '',
    startedAtMs: nowMs,
    endedAtMs: nowMs,
    status,
    fault: null,
    flags: ['cache-hit'],
    upstreamId: null,
    usage: tap.usage(0),
    hitPercent: pricePercent,
    work: 'finished',
    seen: null,
    inputText: null,
  };
  passage.exchange.attempts.push(record);
}
