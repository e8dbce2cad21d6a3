import type { Passage } from './passage.ts';

/** Bytes that the body of a request may have: what its route allows, and its policies. */
export const bodyLimit = ({ exchange, route }: Pick<Passage, 'exchange' | 'route'>): number =>
  exchange.maxBodyBytes === undefined
    ? route.route.bodyBytes
    : Math.min(route.route.bodyBytes, exchange.maxBodyBytes);
