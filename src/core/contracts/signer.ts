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

/** Completes a request just before it is made. */
export interface Sign {
  /** @throws Fault `upstream/credential` when there is nothing to prove it with. */
  (request: UpstreamRequest): Promise<UpstreamRequest>;
  /**
   * The request with another proof, after the upstream has refused the one it has; null: there is no other. Absent: there never
   * is. Rejects with a Fault `upstream/credential`.
   */
  again?(request: UpstreamRequest): Promise<UpstreamRequest> | null;
}

/**
 * Proves to a provider, or to a group of upstreams, who calls, where a fixed header is not enough: signatures over the request,
 * tokens that expire. Made once for each of them.
 * @throws Error when the settings for it cannot be used.
 */
export type SignerKind = (of: Pick<Provider, 'name' | 'signer'>, services: SignerServices) => Sign;
