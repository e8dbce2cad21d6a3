import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import { Fault } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import type { AnonymousSettings } from './schema.ts';

/** Who asks, where nobody says: one consumer, the same for all. */
export const anonymous: PolicyKind<AnonymousSettings> = {
  name: 'anonymous',
  create: createAnonymous,
};

/** @throws RangeError for a consumer that is not there. */
function createAnonymous({ consumer: name }: AnonymousSettings, { consumers }: PolicyServices): Policy {
  const consumer = consumers.find(name);
  if (!consumer) throw new RangeError(`anonymous: there is no consumer "${name}"`);
  return {
    name: 'anonymous',
    summary: `takes calls without a credential for those of "${name}"`,
    presents: () => true,
    credentials: { challenge: null, headers: [] },
    onHead(exchange) {
      if (exchange.consumer) return;
      // A credential that no policy before has understood is a wrong one: nobody gets less for it than he asked for, silently.
      if (headerOf(exchange.head.headers, 'authorization') !== undefined)
        throw new Fault(
          'auth/unknown-credential',
          'The credential in the authorization header is none that is taken here. Send another one, or none at all.',
        );
      exchange.consumer = consumer;
    },
  };
}
