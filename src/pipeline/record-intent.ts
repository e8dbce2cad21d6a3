import type { AttemptIntent } from '#core/contracts/journal.ts';
import type { AttemptRecord } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { Subjects } from '#core/receipt.ts';
import { serviceOf } from './calling-service.ts';
import { expectedCost, expectedMetered } from './expected-cost.ts';
import type { Passage } from './passage.ts';

/**
 * Puts the intent of an attempt on record. Only then may it be made: what is not on record cannot be found again after a
 * crash.
 * @throws Fault `gateway/journal`.
 */
export function recordIntent(passage: Passage, attempt: AttemptRecord): Promise<void> {
  const { recorders } = passage.exchange;
  if (recorders.length === 0) return journalIntent(passage, attempt);
  const others = recorders.map(async (recorder) => recorder.onDispatch?.());
  return Promise.all([journalIntent(passage, attempt), ...others]).then(() => undefined);
}

function journalIntent(passage: Passage, attempt: AttemptRecord): Promise<void> {
  const { exchange, gateway } = passage;
  return new Promise((resolve, reject) => {
    gateway.journal.intent(
      {
        exchange: exchange.id,
        attempt: attempt.number,
        route: exchange.routeName,
        dialect: exchange.dialectName,
        requestedModel: exchange.brief?.model ?? null,
        provider: attempt.provider,
        model: attempt.target?.model ?? exchange.meteredAs ?? '',
        atMs: attempt.startedAtMs,
        admittedAtMs: exchange.admittedAtMs,
        subjects: subjectsOf({ exchange, gateway }),
        traceId: exchange.trace.traceId,
        estimatedInput: exchange.brief?.free ? 0 : exchange.estimatedInput,
        ...costExpected(passage, attempt),
        reserved: exchange.reserved,
      },
      (error) => {
        if (!error) return resolve();
        const message = 'The call cannot be put on record, so it is not made. The journal must be writable.';
        reject(new Fault('gateway/journal', message, { cause: error, headers: ['retry-after', '5'] }));
      },
    );
  });
}

function costExpected(
  passage: Passage,
  { target, startedAtMs }: AttemptRecord,
): Pick<AttemptIntent, 'priceVersion' | 'estimatedCostNano' | 'currency'> {
  const { exchange } = passage;
  const expected = target ? expectedCost(exchange, target) : expectedMetered(passage, startedAtMs);
  if (!expected) return { priceVersion: null };
  const { price, costNano } = expected;
  if (exchange.brief?.free) return { priceVersion: price.version };
  return {
    priceVersion: price.version,
    estimatedCostNano: costNano.toString(),
    currency: price.currency,
  };
}

/** Whose an exchange is. What callers say of themselves counts where it is known who they are. */
export function subjectsOf({ exchange, gateway }: Pick<Passage, 'exchange' | 'gateway'>): Subjects {
  const { consumer } = exchange;
  if (!consumer) return { key: '', project: '', team: '' };
  const { id: key, project, team } = consumer;
  const service = serviceOf(exchange, gateway.snapshot.service);
  return service === undefined ? { key, project, team } : { key, project, team, service };
}
