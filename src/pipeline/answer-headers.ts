import type { HeaderList } from '#core/head.ts';
import type { Passage } from './passage.ts';

/**
 * Headers of whatever is answered: the answer's own, the exchange's id, what policies added, and then the policies'
 * last word.
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
      passage.gateway.observer.failed(exchange, thrown);
    }
  }
  return headers;
}
