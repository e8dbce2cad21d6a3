import type { Exchange } from '#core/exchange.ts';
import { headerOf, type RequestHead } from '#core/head.ts';
import type { ServiceSource } from '#core/snapshot.ts';

/** Letters, digits and the signs of names of hosts, images and namespaces. */
const serviceName = /^[0-9A-Za-z][0-9A-Za-z._:/-]{0,63}$/;

/** By the caller's own word; undefined: it says nothing that could be a name, or is not asked. */
export function serviceSaid({ headers }: RequestHead, asked: ServiceSource | null): string | undefined {
  return asked?.header == null ? undefined : nameIn(headerOf(headers, asked.header));
}

/** The service that calls, as far as it is known by now: what its credential says of it goes before its own word. */
export function serviceOf(
  { claims, service }: Pick<Exchange, 'claims' | 'service'>,
  asked: ServiceSource | null,
): string | undefined {
  if (asked?.claim == null || claims === null || !Object.hasOwn(claims, asked.claim)) return service;
  return nameIn(claims[asked.claim]) ?? service;
}

const nameIn = (said: string | undefined): string | undefined =>
  said !== undefined && serviceName.test(said) ? said : undefined;
