import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Origin } from '#core/contracts/upstream.ts';

export interface Dialer {
  readonly lookup: LookupFunction;
  /** TLS sessions by origin key, for resumption. */
  readonly sessions: Map<string, Buffer>;
}

/** Where plain reads go: one buffer for all connections of the thread, so a slow stream holds no memory of its own. */
export interface PlainReader {
  readonly buffer: Uint8Array;
  onRead(bytes: number): void;
}

export interface Dialled {
  readonly socket: Socket;
  /** Reads come through the PlainReader, not as 'data' events. */
  readonly readsPlain: boolean;
}

const maxSessions = 10_000;

/**
 * Opens a connection: TCP, TLS, or either through a CONNECT proxy. `onReady` comes once it can carry requests; before
 * that the socket's own 'error' and 'close' say why not.
 */
export function dial(
  origin: Origin,
  dialer: Dialer,
  reader: PlainReader,
  onReady: (dialled: Dialled) => void,
): Socket {
  if (origin.proxy !== null) return dialProxy(origin, dialer, onReady);
  const address = {
    host: bare(origin.host),
    port: origin.port,
    lookup: dialer.lookup,
    autoSelectFamily: true,
    noDelay: true,
    keepAlive: true,
  };
  if (origin.secure) {
    const socket = connectTls({ ...address, ...tlsOptions(origin, dialer) });
    rememberSessions(socket, origin, dialer);
    socket.once('secureConnect', () => onReady({ socket, readsPlain: false }));
    return socket;
  }
  const socket = connectTcp({
    ...address,
    onread: {
      buffer: reader.buffer,
      callback: (bytes) => {
        reader.onRead(bytes);
        return true;
      },
    },
  });
  socket.once('connect', () => onReady({ socket, readsPlain: true }));
  return socket;
}

const bare = (host: string) => (host.startsWith('[') ? host.slice(1, -1) : host);

function tlsOptions(origin: Origin, dialer: Dialer) {
  const host = bare(origin.host);
  const session = dialer.sessions.get(origin.key);
  return {
    ALPNProtocols: ['http/1.1'],
    ...(isIP(host) ? {} : { servername: host }),
    ...(session ? { session } : {}),
    ...(origin.tls?.ca ? { ca: origin.tls.ca } : {}),
    ...(origin.tls?.cert ? { cert: origin.tls.cert } : {}),
    ...(origin.tls?.key ? { key: origin.tls.key } : {}),
  };
}

function rememberSessions(socket: Socket, origin: Origin, dialer: Dialer): void {
  socket.on(
    'session' as 'connect',
    ((session: Buffer) => {
      if (dialer.sessions.size >= maxSessions) dialer.sessions.clear();
      dialer.sessions.set(origin.key, session);
    }) as () => void,
  );
}

/** RFC 9110 §9.3.6. */
function dialProxy(origin: Origin, dialer: Dialer, onReady: (dialled: Dialled) => void): Socket {
  const proxy = new URL(origin.proxy!);
  const target = `${origin.host}:${origin.port}`;
  const authorization =
    proxy.username === ''
      ? ''
      : `proxy-authorization: Basic ${Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`).toString('base64')}\r\n`;
  const tunnel = connectTcp({
    host: bare(proxy.hostname),
    port: Number(proxy.port || 80),
    lookup: dialer.lookup,
    autoSelectFamily: true,
    noDelay: true,
    keepAlive: true,
  });
  tunnel.once('connect', () =>
    tunnel.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n${authorization}\r\n`),
  );
  let head = '';
  const onData = (chunk: Buffer) => {
    head += chunk.toString('latin1');
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) {
      if (head.length > 16_384) tunnel.destroy(new Error('the proxy sent a head of over 16384 bytes'));
      return;
    }
    tunnel.off('data', onData);
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
    if (status !== '200' || head.length > end + 4) {
      tunnel.destroy(new Error(`the proxy answered CONNECT with ${status ?? 'something that is not HTTP'}`));
      return;
    }
    if (!origin.secure) return onReady({ socket: tunnel, readsPlain: false });
    const secured = connectTls({ socket: tunnel, ...tlsOptions(origin, dialer) });
    secured.on('error', (error) => tunnel.destroy(error));
    rememberSessions(secured, origin, dialer);
    secured.once('secureConnect', () => onReady({ socket: secured, readsPlain: false }));
  };
  tunnel.on('data', onData);
  return tunnel;
}
