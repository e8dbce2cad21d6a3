import { counted } from '#core/counting-dialect.ts';
import { faultFrom } from '#core/fault.ts';
import { wholeAnswer, type Answer } from './answer.ts';
import { renderContext } from './render-context.ts';
import { converse } from './converse.ts';
import { inputText } from './input-text.ts';
import type { ModelCall } from './model-call.ts';
import type { Passage } from './passage.ts';

/** Statuses by which a provider says that it has no such operation. */
const absent = new Set([404, 405, 501]);

/**
 * How many tokens a call would take: as its provider counts, and where that has no count, as is counted here.
 * @throws Fault of the last attempt.
 */
export async function countTokens(passage: Passage, call: ModelCall): Promise<Answer> {
  const { exchange, gateway } = passage;
  const known = gateway.countless;
  if (!known.has(call.model)) {
    try {
      return await converse(passage, call);
    } catch (thrown) {
      const fault = faultFrom(thrown);
      const isAbsent =
        fault.code === 'dialect/unsupported' || absent.has(exchange.attempts.at(-1)?.status ?? 0);
      if (!isAbsent || exchange.inbound.gone) throw thrown;
      known.add(call.model);
      exchange.losses.length = 0;
    }
  }
  // What cannot be understood is no call, and is refused as one.
  call.conversation();
  const { tokens, counted: isCounted } = await gateway.tokens.count([inputText(call)]);
  return wholeAnswer(passage, {
    status: 200,
    headers: ['content-type', 'application/json', 'x-sluice-counted', isCounted ? 'gateway' : 'estimate'],
    body: call.dialect.client.renderAnswer(counted(tokens[0]!), renderContext(passage, call)),
  });
}
