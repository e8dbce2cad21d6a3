import type { Clock } from '#core/contracts/clock.ts';
import type { SignerServices } from '#core/contracts/signer.ts';
import type { Upstream } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import type { Provider } from '#core/target.ts';
import { createAsk } from './create-ask.ts';

/** What the signer of a provider may use; its own proxy and trust are taken on the way to others, too. */
export function signerServices(
  { proxy, tls }: Pick<Provider, 'proxy' | 'tls'>,
  { clock, upstream }: { readonly clock: Clock; readonly upstream: Upstream },
): SignerServices {
  const ask = createAsk(upstream, { proxy, tls });
  return {
    clock,
    env: process.env,
    ask: (question) =>
      ask(question).catch((thrown: Error) => {
        const { host } = new URL(question.url);
        const message = `${host} gave no credential: ${thrown.message}`;
        throw new Fault('upstream/credential', message, { cause: thrown });
      }),
  };
}
