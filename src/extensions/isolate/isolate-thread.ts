/** Entry of the thread of an isolated policy: runs its hooks on what is sent of exchanges, and says what they want. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { loadPolicies } from '../load-policies.ts';
import { OwnPolicy } from '../own-policy-kind.ts';
import { Strays } from '../strays.ts';
import type { FromIsolate, IsolatedCall, IsolateStart, SentExchange } from './protocol.ts';

const port = parentPort!;
const { sources, file, begun } = workerData as IsolateStart;
const say = (message: FromIsolate) => port.postMessage(message);

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
const observer = {
  // Is counted where the exchange is.
  policyFailed() {},
  policySaid: (policy: string, message: string, fields: Readonly<Record<string, unknown>>) =>
    say({ type: 'said', policy, message, fields }),
};
const strays = new Strays(({ policy }, thrown) =>
  observer.policySaid(policy, `failed where nobody waited for it: ${String(thrown)}`, {}),
);
strays.watch();
const [{ definition }] = loadPolicies(sources, [file]) as [ReturnType<typeof loadPolicies>[number]];
const uses = new Map<string, OwnPolicy>();

port.on('message', (call: IsolatedCall) => void answer(call));
say({ type: 'ready' });

function useOf({ instance, settings }: IsolatedCall): OwnPolicy {
  const key = `${instance}\0${JSON.stringify(settings)}`;
  let use = uses.get(key);
  if (!use)
    uses.set(key, (use = new OwnPolicy(definition, { clock, observer, strays }, { settings, instance })));
  return use;
}

async function answer(call: IsolatedCall): Promise<void> {
  const { ask, hook, receipt } = call;
  Atomics.store(begun, 0, ask);
  const exchange = exchangeOf(call.exchange);
  try {
    const use = useOf(call);
    const policy = use.policy();
    if (hook === 'onSettled') await policy.onSettled?.(exchange, receipt!);
    else await policy[hook]?.(exchange);
    const { upstreamHeaders, shortAnswer, notes } = exchange;
    const effects = { upstreamHeaders, shortAnswer, notes, answerHeaders: use.editsOf(exchange) };
    say({ type: 'effects', ask, effects });
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === 'policy/refused') {
      const { status, message, details } = thrown;
      const refusal = { status, message, code: details.upstreamCode ?? '', headers: details.headers ?? [] };
      return say({ type: 'refused', ask, refusal });
    }
    const cause = thrown instanceof Fault ? thrown.details.cause : thrown;
    const error = cause instanceof Error ? cause : new Error(String(cause));
    say({ type: 'failed', ask, message: error.message, stack: error.stack ?? '' });
  }
}

/** As much of an exchange as the facade of an isolated policy asks for. */
function exchangeOf({ asked, ...sent }: SentExchange): Exchange {
  const body = sent.body && Buffer.from(sent.body);
  const conversation = asked && (() => asked);
  const parts = { ...sent, body, conversation, upstreamHeaders: [], shortAnswer: null, notes: null };
  return parts as unknown as Exchange;
}
