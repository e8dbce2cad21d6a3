import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { RequestHead } from '#core/head.ts';
import type { ListenerTls, ServerCertificate } from '#core/listener.ts';
import { listen, type Listener, type ListenerSettings } from '../index.ts';
import type { Pair } from '../../testing/authority.ts';

export const limits = { headerBytes: 8192, bodyBytes: 1 << 20, headTimeoutMs: 1000, bodyTimeoutMs: 1500 };

/** A listener that tells each client how it is seen: address, scheme, host, certificate. */
export async function openDoor(t: TestContext, settings: Partial<ListenerSettings> = {}): Promise<Listener> {
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    reusePort: false,
    limits,
    trustedProxies: [],
    onExchange: (inbound) => inbound.respond(200, [], seenAs(inbound.head)),
    ...settings,
  });
  t.after(() => listener.close(0));
  return listener;
}

const seenAs = ({ clientAddress, peer, scheme, host, clientCertificate }: RequestHead): string =>
  JSON.stringify({ clientAddress, peer, scheme, host, clientCertificate });

export const shown = ({ cert, key }: Pair, ...names: string[]): ServerCertificate => ({
  cert,
  key,
  names,
  notBeforeMs: 0,
  notAfterMs: Infinity,
});

export const tlsOf = (
  certificates: readonly ServerCertificate[],
  more: Partial<ListenerTls> = {},
): ListenerTls => ({
  certificates,
  minVersion: 'TLSv1.2',
  unknownNames: 'default',
  clientAuth: null,
  handshakeTimeoutMs: 1000,
  ...more,
});

/** All that comes until the connection ends. */
export async function rest(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => {});
  socket.on('end', () => socket.end());
  // Not by `once`, which rejects when there is an error.
  if (!socket.closed) await new Promise((resolve) => socket.on('close', resolve));
  return text;
}

/** Sends bytes on a connection of its own; what comes back until it ends. */
export async function send(port: number, bytes: string | Buffer, host = '127.0.0.1'): Promise<string> {
  const socket = connectPlain({ port, host, allowHalfOpen: true });
  const answer = rest(socket);
  socket.write(bytes);
  return answer;
}

/** A connection under TLS. @throws Error when the handshake fails. */
export async function secured(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  // After TLS 1.3's handshake the client learns at any moment that its certificate was not good enough.
  const begun = once(socket, 'secureConnect');
  socket.on('error', () => {});
  await begun;
  return socket;
}

export const get = (host: string): string => `GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;

/** Asks over TLS, for the host that SNI names unless told otherwise. */
export async function ask(port: number, options: ConnectionOptions = {}, host?: string): Promise<string> {
  const socket = await secured(port, options);
  const answer = rest(socket);
  socket.write(get(host ?? (options.servername || '127.0.0.1')));
  return answer;
}

export const bodyOf = (answer: string): unknown => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
