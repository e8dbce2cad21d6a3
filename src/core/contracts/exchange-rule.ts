import type { Exchange } from '../exchange.ts';

/** An expression (Common Expression Language) over an exchange, made once for each place in a configuration that has one. */
export interface ExchangeRule {
  readonly text: string;
  /** Does it ask for the call, which is not known before the body is read (`onCall`)? */
  readonly readsCall: boolean;
  /**
   * @throws Error where it cannot be told, such as for a header that did not come. Whoever asks fails closed.
   */
  holds(exchange: Exchange): boolean;
}

/** @throws Error, with its place, for an expression that cannot be used. */
export type CompileRule = (text: string) => ExchangeRule;
