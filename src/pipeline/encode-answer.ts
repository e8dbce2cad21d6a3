import type { EncodedAnswer, PlainAnswer } from '#core/contracts/answer-encoder.ts';
import type { Passage } from './passage.ts';

/** Asks the route's policies for another form of an answer. Null: it goes out as it is. */
export function encodeAnswer(passage: Passage, plain: PlainAnswer): EncodedAnswer | null {
  // Whoever gets it again may take another form.
  if (passage.exchange.recorders.length > 0) return null;
  let encoded: EncodedAnswer | null = null;
  for (const policy of passage.route.encodeAnswer) {
    try {
      const given = policy.encodeAnswer!(
        passage.exchange,
        encoded ? { ...plain, headers: encoded.headers } : plain,
      );
      if (given) encoded = given;
    } catch (thrown) {
      // The plain answer is an answer, too.
      passage.gateway.observer.failed(passage.exchange, thrown);
    }
    if (encoded?.open) break;
  }
  return encoded;
}
