import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { FaultInjectionSettings } from './schema.ts';

/** Delays or fails a share of the exchanges on purpose. */
export const faultInjection: PolicyKind<FaultInjectionSettings> = {
  name: 'fault-injection',
  create: (settings) => createFaultInjection(settings),
};

function createFaultInjection({ delay, abort, seed }: FaultInjectionSettings): Policy {
  const chance = seed === undefined ? Math.random : seeded(seed);
  const summary = [
    ...(delay ? [`delays ${delay.percent} % by ${delay.ms} ms`] : []),
    ...(abort ? [`answers ${abort.percent} % with ${abort.status}`] : []),
  ].join(', ');
  const fail = () => {
    throw new Fault(
      'policy/injected',
      'This route fails a share of its calls on purpose (fault-injection).',
      {
        status: abort!.status,
      },
    );
  };
  return {
    name: 'fault-injection',
    summary: summary || 'does nothing',
    onHead(exchange) {
      // Both are drawn each time, so that one setting does not change the sequence of the other.
      const delayed = chance() * 100 < (delay?.percent ?? 0);
      const aborted = chance() * 100 < (abort?.percent ?? 0);
      if (delayed) return wait(exchange, delay!.ms).then(aborted ? fail : undefined);
      if (aborted) fail();
    },
  };
}

/** Ends early when the client hangs up. */
function wait({ inbound }: Exchange, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    inbound.onGone(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Mulberry32: from 0 to below 1. */
function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
