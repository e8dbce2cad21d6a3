import type { Provider } from '../target.ts';
import type { Clock } from './clock.ts';
import type { UpstreamRequest } from './upstream.ts';

/** A short call to another server, such as one that gives out tokens. */
export interface Question {
  /** Absolute, http or https. */
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Names in lower case. */
  readonly headers: readonly string[];
  /** Null: none. */
  readonly body: string | null;
  /** Of this machine or its own network: asked by no proxy. */
  readonly local?: true;
}

export interface Reply {
  readonly status: number;
  /** UTF-8 text of at most 256 KiB. */
  readonly body: string;
}

/** What a signer may use. */
export interface SignerServices {
  readonly clock: Clock;
  /** Where credentials may lie that are not configured. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Asks by the provider's own proxy, within 15 seconds. @throws Fault when no answer comes. */
  ask(question: Question): Promise<Reply>;
}

/** Completes a request just before it is made. @throws Fault `upstream/credential` when there is nothing to prove it with. */
export type Sign = (request: UpstreamRequest) => Promise<UpstreamRequest>;

/**
 * Proves to a provider who calls, where a fixed header is not enough: signatures over the request, tokens that expire. Made
 * once for each provider.
 * @throws Error when the provider's settings for it cannot be used.
 */
export type SignerKind = (provider: Provider, services: SignerServices) => Sign;
