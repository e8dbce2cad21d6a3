/**
 * READ THIS FIRST. The story of one exchange, whatever its kind: a REST call, a chat completion, a WebSocket.
 *
 *   understand   which route is it, who asks, what is asked
 *   admit        the route's policies, in their listed order: may refuse, or answer by themselves; what they limit is
 *                reserved in one step
 *   answer       the targets of the plan, one attempt after the other, until one answers
 *   deliver      bytes or events flow to the client and are counted while they flow
 *   settle       exactly one receipt, whatever happened; only then is the end of the answer given
 *
 * There is one way in and one way out, and `settle` stands in `finally`.
 */
import type { Inbound } from '#core/contracts/inbound.ts';
import { admit } from './admit.ts';
import { nothingLeft, shortAnswer, type Answer } from './answer.ts';
import { findRoute } from './find-route.ts';
import type { Gateway } from './gateway.ts';
import { reserveLimits } from './limits/reserve.ts';
import { openExchange } from './open-exchange.ts';
import { unrouted, type Passage } from './passage.ts';
import { readAhead } from './recorded/read-ahead.ts';
import { recordingOf } from './recorded/recording.ts';
import { refuse } from './refuse.ts';
import { settle } from './settle.ts';
import { giveStored } from './stored/give-stored.ts';
import { renew } from './stored/renew.ts';
import { understand } from './understand.ts';

export async function handle(inbound: Inbound, gateway: Gateway): Promise<void> {
  const exchange = openExchange(inbound, gateway.clock.nowMs(), gateway.snapshot.service);
  const passage: Passage = { exchange, gateway, route: unrouted };
  let answer: Answer = nothingLeft;
  gateway.observer.began(exchange);
  try {
    passage.route = findRoute(gateway, exchange.head);
    exchange.routeName = passage.route.route.name;

    gateway.shedder.admit(passage.route.route.priority);

    // Identity first: a body is read only when it is known whose it is.
    await admit(passage.route.onHead, 'onHead', passage);
    if (!exchange.shortAnswer) {
      if (passage.route.readsBody.length > 0) await readAhead(passage);
      const pursue = await understand(passage);
      await admit(passage.route.onCall, 'onCall', passage);
      if (!exchange.shortAnswer) await reserveLimits(passage);
      recordingOf(passage);
      // From here on there are attempts; `pursue` delivers all of the answer but its end.
      if (!exchange.shortAnswer)
        answer = exchange.stored ? giveStored(passage, exchange.stored) : await pursue();
    }
    if (exchange.shortAnswer) answer = shortAnswer(passage, exchange.shortAnswer);
  } catch (thrown) {
    answer = refuse(passage, thrown);
  } finally {
    if (answer.prepare) await answer.prepare();
    const onRecord = await settle(passage, answer.heldBytes ?? 0);
    const recording = recordingOf(passage);
    if (recording) await recording.release(answer, onRecord);
    else if (onRecord) answer.release();
    else answer.abandon();
    if (passage.renewal) await renew(passage, passage.renewal);
  }
}
