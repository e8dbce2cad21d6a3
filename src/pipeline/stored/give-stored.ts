import type { AttemptRecord } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { StoredAnswer } from '#core/contracts/answer-intake.ts';
import { wholeAnswer, type Answer } from '../answer.ts';
import { MeterTap } from '../meter-tap.ts';
import type { Passage } from '../passage.ts';

/** An answer out of what was kept, in place of an upstream's. */
export function giveStored(passage: Passage, stored: StoredAnswer): Answer {
  const { exchange, gateway } = passage;
  exchange.outcome = 'cache_hit';
  exchange.firstContentAtMs = gateway.clock.nowMs();
  if (stored.pricePercent > 0) chargeHit(passage, stored);
  if (stored.renewal) passage.renewal = stored.renewal;
  return wholeAnswer(passage, stored);
}

/** No upstream has answered. @throws the fault, or the one that stands for it. */
export function giveForFault(passage: Passage, fault: Fault): Answer {
  const given = passage.exchange.intake!.onFault(fault);
  if (given === null || given instanceof Fault) throw given ?? fault;
  return giveStored(passage, given);
}

/** What an upstream's answer would have been billed, where the route has a price. */
function chargeHit(passage: Passage, { status, headers, body, pricePercent }: StoredAnswer): void {
  const { meter } = passage.route;
  if (!meter) return;
  const tap = new MeterTap({ meter, asked: passage.metered ?? {} });
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
    usage: tap.usage(passage.exchange.requestBytes, 0),
    hitPercent: pricePercent,
    work: 'finished',
    seen: null,
    inputText: null,
  };
  passage.exchange.attempts.push(record);
}
