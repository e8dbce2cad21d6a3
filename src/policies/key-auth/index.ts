import { hash } from 'node:crypto';
import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { headerOf, type RequestHead } from '#core/head.ts';
import { queryValues } from '#core/query.ts';
import { entriesOf, keyInProtocol } from '#core/websocket/handshake.ts';
import type { KeyAuthSettings } from './schema.ts';

const standardHeaders = ['authorization', 'x-api-key', 'x-goog-api-key', 'api-key'];

/** Who asks: looks the presented key up by its hash and puts its record on the exchange. */
export const keyAuth: PolicyKind<KeyAuthSettings> = {
  name: 'key-auth',
  create: (settings, services) => createKeyAuth(settings, services),
};

function createKeyAuth(settings: KeyAuthSettings, { keys, clock }: PolicyServices): Policy {
  const headers = (settings.headers ?? standardHeaders).map((name) => name.toLowerCase());
  const parameter = settings.query ?? null;
  const optional = settings.optional ?? false;
  const places = [...headers, ...(parameter === null ? [] : [`the query's ${parameter}`])];
  return {
    name: 'key-auth',
    presents: (exchange) => isPresented(exchange, headers, parameter),
    credentials: {
      challenge: 'Bearer realm="sluice"',
      headers,
      ...(parameter === null ? {} : { parameter }),
    },
    summary: `requires a key in ${places.join(' or ')}${optional ? ', or none at all' : ''}`,
    onHead(exchange) {
      const secret = presented(exchange, headers, parameter);
      if (secret === null) {
        if (optional) return;
        throw new Fault('auth/no-credential', `No key was given. Send it as ${howTo(headers[0]!)}.`, {
          headers: ['www-authenticate', 'Bearer realm="sluice"'],
        });
      }
      // Found by hash: how long it takes says nothing about how much of a guess was right.
      const key = keys.find(hash('sha256', secret));
      if (!key)
        throw refusal(
          'auth/unknown-credential',
          'The key is not known. Check that it is one of this gateway.',
        );
      if (key.expiresAtMs !== null && key.expiresAtMs <= clock.nowMs()) {
        throw refusal('auth/expired', `The key "${key.name}" has expired. Ask for a new one.`);
      }
      exchange.consumer = key;
      exchange.consumedHeaders.push(...headers);
      exchange.consumedParameter = parameter;
      consumeProtocol(exchange);
    },
  };
}

const howTo = (header: string) =>
  header === 'authorization' ? '"Authorization: Bearer KEY"' : `"${header}: KEY"`;

function refusal(code: 'auth/unknown-credential' | 'auth/expired', message: string): Fault {
  return new Fault(code, message, {
    headers: ['www-authenticate', 'Bearer realm="sluice", error="invalid_token"'],
  });
}

/** The one key that was presented, or null. @throws Fault when two different ones were. */
function presented({ head }: Exchange, headers: readonly string[], parameter: string | null): string | null {
  let secret: string | null = null;
  const take = (given: string | null, place: string) => {
    if (given === null || given === '')
      throw refusal('auth/unknown-credential', `The ${place} holds no key.`);
    if (secret !== null && secret !== given)
      throw refusal('auth/unknown-credential', 'Two different keys were presented. Send one.');
    secret = given;
  };
  for (const name of headers) {
    const value = headerOf(head.headers, name);
    if (value !== undefined) take(name === 'authorization' ? bearer(value) : value, `${name} header`);
  }
  for (const protocol of protocolsOf(head)) {
    const key = keyInProtocol(protocol);
    if (key !== null) take(key, 'subprotocol');
  }
  if (parameter !== null && head.query !== '')
    for (const value of queryValues(head.query, parameter)) take(value, `query parameter "${parameter}"`);
  return secret;
}

/** Is there anything that a key could be? Other schemes of Authorization have policies of their own. */
function isPresented({ head }: Exchange, headers: readonly string[], parameter: string | null): boolean {
  return (
    headers.some((name) => {
      const value = headerOf(head.headers, name);
      return value !== undefined && (name !== 'authorization' || /^bearer /i.test(value));
    }) ||
    protocolsOf(head).some((protocol) => keyInProtocol(protocol) !== null) ||
    (parameter !== null && queryValues(head.query, parameter).length > 0)
  );
}

const protocolHeader = 'sec-websocket-protocol';

const protocolsOf = (head: RequestHead): string[] =>
  head.upgrade === null ? [] : entriesOf(head.headers, protocolHeader);

/** The other protocols go on. */
function consumeProtocol({ head, upstreamHeaders }: Exchange): void {
  const protocols = protocolsOf(head);
  const others = protocols.filter((protocol) => keyInProtocol(protocol) === null);
  if (others.length === protocols.length) return;
  const value = others.length > 0 ? others.join(', ') : null;
  upstreamHeaders.push({ name: protocolHeader, value, add: false });
}

/** RFC 6750 §2.1; the scheme's name is case-insensitive. */
function bearer(value: string): string | null {
  return /^bearer +(\S+)$/i.exec(value)?.[1] ?? null;
}
