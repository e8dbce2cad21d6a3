import type { HeaderList } from '#core/head.ts';
import { closed } from './admit.ts';
import type { Passage } from './passage.ts';

/**
 * Headers of whatever is answered: the answer's own, the exchange's id, what policies added, and then the policies'
 * last word.
 * @throws Fault of a policy that fails, unless this is a refusal already: nothing has gone out yet, so failing closes here, too.
 */
export function answerHeaders(passage: Passage, status: number, own: HeaderList): HeaderList {
  const { exchange, route } = passage;
  passage.own = own;
  let headers: HeaderList = [...own, 'x-sluice-exchange', exchange.id, ...exchange.answerHeaders];
  if (exchange.queuedMs > 0) headers = [...headers, 'x-sluice-queued-ms', String(exchange.queuedMs)];
  for (const policy of route.onAnswer) {
    try {
      headers = policy.onAnswer!(exchange, status, headers);
    } catch (thrown) {
      const fault = closed(policy, thrown);
      if (exchange.fault === null) throw fault;
      passage.gateway.observer.failed(exchange, fault.cause ?? fault);
    }
  }
  return headers;
}
