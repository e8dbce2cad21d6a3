import { createHash } from 'node:crypto';
import { Fault } from '#core/fault.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import type { Exchange } from '#core/exchange.ts';
import type { HttpRoute } from '#core/snapshot.ts';
import {
  deflateExtension,
  isKey,
  isOriginAllowed,
  namesIn,
  offeredExtensions,
} from '#core/websocket/handshake.ts';

/** What of a route a handshake is judged by. */
export type UpgradeRules = Pick<HttpRoute, 'upgrade' | 'websocket'>;

/** RFC 6455 §1.3. */
const acceptGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * Does the client ask for a WebSocket? Then its handshake is judged here, before the upstream hears of it (RFC 6455 §4.2.1).
 * @throws Fault when the route has none, or the handshake is not one.
 */
export function webSocketWanted(exchange: Exchange, route: UpgradeRules): string | null {
  const { head } = exchange;
  if (head.upgrade === null || head.upgrade.toLowerCase() !== 'websocket') return null;
  if (!namesIn(headerOf(head.headers, 'connection')).includes('upgrade')) return null;
  if (!route.upgrade) throw new Fault('request/upgrade-refused', 'This route does not upgrade connections.');
  if (head.method !== 'GET') throw refused(`A WebSocket begins with GET, not ${head.method}.`);
  const version = headerOf(head.headers, 'sec-websocket-version');
  if (version?.trim() !== '13') {
    throw new Fault(
      'request/upgrade-refused',
      `Version 13 of WebSocket was expected, got "${version ?? ''}".`,
      {
        status: 426,
        headers: ['sec-websocket-version', '13', 'connection', 'upgrade', 'upgrade', 'websocket'],
      },
    );
  }
  if (head.contentLength !== 0) throw refused('A WebSocket handshake has no body.');
  const key = headerOf(head.headers, 'sec-websocket-key');
  if (key === undefined || !isKey(key))
    throw refused('Sec-WebSocket-Key was expected to be 16 bytes in base64.');
  const origin = headerOf(head.headers, 'origin');
  const { origins } = route.websocket;
  // Browsers say where a page comes from and send its cookies along; whatever says nothing is no browser.
  if (origins !== null && origin !== undefined && !isOriginAllowed(origin, origins))
    throw new Fault('request/origin-refused', `The origin "${origin}" may not open WebSockets here.`);
  return 'websocket';
}

/** For what is nothing without a WebSocket. @throws Fault `request/upgrade-refused` */
export function requireWebSocket(exchange: Exchange, route: UpgradeRules): void {
  if (webSocketWanted(exchange, route) !== null) return;
  const { method, path } = exchange.head;
  throw new Fault(
    'request/upgrade-refused',
    `${method} ${path} opens a WebSocket. Send "Upgrade: websocket".`,
    {
      status: 426,
      headers: ['connection', 'upgrade', 'upgrade', 'websocket'],
    },
  );
}

const refused = (message: string) => new Fault('request/upgrade-refused', message);

/** The handshake's headers as the upstream gets them: no extensions but those whose frames can be followed. */
export function handshakeHeaders(exchange: Exchange, route: UpgradeRules, headers: HeaderList): HeaderList {
  const sent: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    if (name !== 'sec-websocket-extensions') sent.push(name, headers[i + 1]!);
  }
  const offer = extensionOffer(exchange, route);
  if (offer !== '') sent.push('sec-websocket-extensions', offer);
  return sent;
}

function extensionOffer({ head }: Exchange, route: UpgradeRules): string {
  if (route.websocket.compression === 'strip') return '';
  const offers: string[] = [];
  for (let i = 0; i < head.headers.length; i += 2) {
    if (head.headers[i] === 'sec-websocket-extensions') offers.push(offeredExtensions(head.headers[i + 1]!));
  }
  return offers.filter((offer) => offer !== '').join(', ');
}

export interface Agreement {
  /** What the upstream's answer says to the client; null where it is not an acceptance (RFC 6455 §4.1). */
  readonly wrong: string | null;
  readonly deflate: boolean;
}

/** What proves that a handshake was understood (RFC 6455 §4.2.2). */
export const acceptOf = (key: string): string =>
  createHash('sha1').update(`${key}${acceptGuid}`).digest('base64');

/** Is the upstream's 101 the answer to this handshake? */
export function judgeAcceptance(exchange: Exchange, route: UpgradeRules, answer: HeaderList): Agreement {
  const wrong = (what: string): Agreement => ({ wrong: what, deflate: false });
  if (!namesIn(headerOf(answer, 'upgrade')).includes('websocket'))
    return wrong('it did not change to websocket');
  if (!namesIn(headerOf(answer, 'connection')).includes('upgrade'))
    return wrong('it sent no Connection: Upgrade');
  const key = headerOf(exchange.head.headers, 'sec-websocket-key');
  if (headerOf(answer, 'sec-websocket-accept')?.trim() !== acceptOf(key ?? ''))
    return wrong('its Sec-WebSocket-Accept does not fit the key');
  const protocol = headerOf(answer, 'sec-websocket-protocol')?.trim();
  const offered = all(exchange.head.headers, 'sec-websocket-protocol');
  if (protocol !== undefined && !offered.split(',').some((one) => one.trim() === protocol))
    return wrong('it chose a protocol that was not offered');
  const extensions = namesIn(all(answer, 'sec-websocket-extensions'));
  const mayDeflate = namesIn(extensionOffer(exchange, route)).includes(deflateExtension);
  if (extensions.some((name) => name !== deflateExtension || !mayDeflate) || extensions.length > 1)
    return wrong('it chose an extension that was not offered');
  return { wrong: null, deflate: extensions.length > 0 };
}

function all(headers: HeaderList, name: string): string {
  const values: string[] = [];
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) values.push(headers[i + 1]!);
  return values.join(',');
}
