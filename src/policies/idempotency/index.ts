import type { CacheName, KeptEntry } from '#core/contracts/cache-store.ts';
import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { parseDuration, parseSize } from '#core/units.ts';
import { AnswerKeeper } from './answer-keeper.ts';
import { inProgress, mismatch, notKept, required, unavailable, uncertain, unowned } from './faults.ts';
import { fingerprintOf } from './fingerprint.ts';
import { answerOf } from './kept-answer.ts';
import { readKey } from './read-key.ts';
import type { IdempotencySettings } from './schema.ts';

/** One answer and one charge for each Idempotency-Key (draft-ietf-httpapi-idempotency-key-header). */
export const idempotency: PolicyKind<IdempotencySettings> = {
  name: 'idempotency',
  create: createIdempotency,
};

/** Who waits looks again after this, and then less and less often. */
const firstLookMs = 25;
const lastLookMs = 500;
/** For the store to answer, besides what is waited for. */
const patienceMs = 30_000;

/** @throws RangeError for settings that cannot be; the configuration is refused then. */
function createIdempotency(settings: IdempotencySettings, { cache, clock }: PolicyServices): Policy {
  const lifetimeMs = within('lifetime', parseDuration(settings.lifetime ?? '24h'), [1000, 31 * 86_400_000]);
  const maxBytes = within('maxBytes', parseSize(settings.maxBytes ?? '1MiB'), [1, 64 * 1024 ** 2]);
  const waitMs = within('wait', parseDuration(settings.wait ?? 0), [0, 600_000]);
  const longestMs = within(
    'completeWithin',
    parseDuration(settings.completeWithin ?? '2min'),
    [1, 3_600_000],
  );
  const rules = { maxBytes, completeWithinMs: settings.complete === true ? longestMs : 0 };
  const methods = settings.methods ?? ['POST', 'PATCH'];
  const isCovered = ({ head }: Exchange) => head.upgrade === null && methods.includes(head.method);

  async function claim(exchange: Exchange, key: string): Promise<void> {
    if (exchange.consumer === null) throw unowned();
    const name = { project: exchange.consumer.project, name: key };
    const wish = { holder: exchange.id, fingerprint: fingerprintOf(exchange), lifetimeMs };
    const untilMs = clock.monotonicMs() + waitMs;
    for (let lookMs = firstLookMs; ; lookMs = Math.min(lookMs * 2, lastLookMs)) {
      const found = await reached(cache.claim(name, wish), () => giveUp(name, exchange));
      if (found.state === 'claimed') {
        exchange.recorders.push(
          new AnswerKeeper({ cache, claim: { ...name, holder: exchange.id }, exchange, rules }),
        );
        return;
      }
      // By this policy at another place of the route's list.
      if (found.holder === exchange.id) return;
      if (!found.same) throw mismatch();
      if (found.state === 'lost') throw uncertain(found.holder);
      if (found.state === 'passed') throw notKept(found.holder, maxBytes);
      if (found.state === 'kept') {
        if (await replay(exchange, name, found.holder)) return;
        continue;
      }
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) throw inProgress();
      await pause(exchange, Math.min(lookMs, leftMs));
    }
  }

  /** Should the store have heard of the claim after all, it is not to stand until this thread ends. */
  function giveUp(name: CacheName, { id }: Exchange): void {
    cache.release({ ...name, holder: id }, 'free').catch(() => undefined);
  }

  /** False: it has outlived its lifetime just now. */
  async function replay(exchange: Exchange, name: CacheName, holder: string): Promise<boolean> {
    const entry: KeptEntry | null = await reached(cache.get(name, holder));
    if (entry === null) return false;
    exchange.shortAnswer = await answerOf(entry, exchange);
    exchange.replayOf = holder;
    return true;
  }

  return {
    name: 'idempotency',
    summary:
      `one answer for each Idempotency-Key of ${methods.join(', ')}, kept for ${lifetimeMs / 1000} s up to ${maxBytes} bytes` +
      (settings.required ? '; a key is required' : ''),
    deadlineMs: waitMs + patienceMs,
    // Without a key nothing is held, whatever the size.
    readsBody: (exchange) => isCovered(exchange) && readKey(exchange.head) !== null,
    onCall(exchange) {
      if (!isCovered(exchange)) return;
      const key = readKey(exchange.head);
      if (key !== null) return claim(exchange, key);
      if (settings.required) throw required(methods);
    },
  };
}

function within(name: string, value: number, [least, most]: readonly [number, number]): number {
  if (value >= least && value <= most) return value;
  throw new RangeError(`idempotency: ${name} is ${value}; from ${least} to ${most} can be`);
}

async function reached<T>(answer: Promise<T>, otherwise?: () => void): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    otherwise?.();
    throw unavailable(cause);
  }
}

/** @throws Fault `client/gone` when the client does not wait. */
async function pause({ inbound }: Exchange, ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    inbound.onGone(() => {
      clearTimeout(timer);
      resolve();
    });
  });
  if (inbound.gone) throw new Fault('client/gone', 'The client hung up while it waited for an equal call.');
}
