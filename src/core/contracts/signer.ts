import type { Provider } from '../target.ts';
import type { Ask } from './ask.ts';
import type { Clock } from './clock.ts';
import type { UpstreamRequest } from './upstream.ts';

/** What a signer may use. */
export interface SignerServices {
  readonly clock: Clock;
  /** Where credentials may lie that are not configured. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Asks by the provider's own proxy. @throws Fault `upstream/credential`. */
  readonly ask: Ask;
}

/** Completes a request just before it is made. @throws Fault `upstream/credential` when there is nothing to prove it with. */
export type Sign = (request: UpstreamRequest) => Promise<UpstreamRequest>;

/**
 * Proves to a provider who calls, where a fixed header is not enough: signatures over the request, tokens that expire. Made
 * once for each provider.
 * @throws Error when the provider's settings for it cannot be used.
 */
export type SignerKind = (provider: Provider, services: SignerServices) => Sign;
