import type { Provider } from '../target.ts';
import type { Clock } from './clock.ts';
import type { Upstream, UpstreamRequest } from './upstream.ts';

/** What a signer may use. */
export interface SignerServices {
  readonly clock: Clock;
  /** For those that exchange one credential for another. */
  readonly upstream: Upstream;
}

/**
 * Proves to a provider who calls, where a fixed header is not enough: signatures over the request, tokens that expire. Made
 * once for each provider; what it returns completes each request just before it is made.
 * @throws Error when the provider's settings for it cannot be used.
 */
export type SignerKind = (
  provider: Provider,
  services: SignerServices,
) => (request: UpstreamRequest) => Promise<UpstreamRequest>;
