import { tokensAroundToolCall } from '#core/contracts/token-counter.ts';
import { counted } from '#core/counting-dialect.ts';
import { faultFrom, type Fault } from '#core/fault.ts';
import type { AttemptRecord } from '#core/exchange.ts';
import type { Provider } from '#core/target.ts';
import { wholeAnswer, type Answer } from './answer.ts';
import { renderContext } from './render-context.ts';
import { converse } from './converse.ts';
import { inputText } from './input-text.ts';
import type { ModelCall } from './model-call.ts';
import type { Passage } from './passage.ts';

/** Statuses by which a provider says that it has no such operation; by 404 also that it has no such model. */
const absent = new Set([404, 405, 501]);

/**
 * How many tokens a call would take: as its provider counts, and where that has no count, as is counted here.
 * @throws Fault of the last attempt.
 */
export async function countTokens(passage: Passage, call: ModelCall): Promise<Answer> {
  const { exchange, gateway } = passage;
  if (!gateway.countless.has(call.model)) {
    try {
      return await converse(passage, call);
    } catch (thrown) {
      const fault = faultFrom(thrown);
      if (exchange.inbound.gone) throw thrown;
      const attempt = exchange.attempts.at(-1);
      const isKnown = fault.code === 'dialect/unsupported';
      const lacks = isKnown ? attempt?.fault === fault && call.model : lacking(attempt, fault);
      if (!lacks && !isKnown) throw thrown;
      if (lacks) gateway.countless.add(lacks);
      exchange.losses.length = 0;
    }
  }
  // What cannot be understood is no call, and is refused as one.
  const { turns } = call.conversation();
  const { tokens, counted: isCounted } = await gateway.tokens.count([inputText(call)]);
  const calls = turns.flatMap(({ parts }) => parts).filter(({ type }) => type === 'tool-call').length;
  const all = Math.ceil((tokens[0]! + calls * tokensAroundToolCall) * tokensPerCounted(passage, call));
  return wholeAnswer(passage, {
    status: 200,
    headers: ['content-type', 'application/json', 'x-sluice-counted', isCounted ? 'gateway' : 'estimate'],
    body: call.dialect.client.renderAnswer(counted(all), renderContext(passage, call)),
  });
}

/** By the target that was asked, else by the one that is asked first. */
function tokensPerCounted({ exchange, gateway }: Passage, { model }: ModelCall): number {
  const target = exchange.attempts.at(-1)?.target ?? model.targets[0];
  const side = target && gateway.dialects.get(target.provider.dialect)?.provider;
  return side?.tokensPerCounted?.(target!) ?? 1;
}

/** The provider that an attempt has shown to have no count; null where it failed for another reason. */
function lacking(attempt: AttemptRecord | undefined, fault: Fault): Provider | null {
  if (!attempt?.target || !absent.has(attempt.status)) return null;
  const { provider, model } = attempt.target;
  // A model that is not there is no reason to ask for none of the others.
  const isModels =
    attempt.status === 404 &&
    (fault.details.upstreamCode === 'model_not_found' || names(fault.message, model));
  return isModels ? null : provider;
}

/** As a word: a short name may stand in any sentence. */
function names(message: string, model: string): boolean {
  for (let at = message.indexOf(model); at >= 0; at = message.indexOf(model, at + 1)) {
    const around = [message[at - 1], message[at + model.length]];
    if (!around.some((letter) => letter !== undefined && /[\w-]/.test(letter))) return true;
  }
  return false;
}
