import type { Socket } from 'node:net';
import { createHmac } from 'node:crypto';
import { createSecureContext, createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import { describeCertificate } from '#core/describe-certificate.ts';
import type { ListenerTls, ServerCertificate } from '#core/listener.ts';
import type { SecurePeer } from './canonical-head.ts';
import type { Refusal } from './door-counts.ts';
import { HostNames } from './host-names.ts';

export interface SecureDoorSettings {
  readonly tls: ListenerTls;
  readonly offersHttp2: boolean;
  /** Shared by all threads, so that a session begun on one can be resumed on another. */
  readonly ticketSecret: Buffer;
  /** Of the listener: a session of one is none of another. */
  readonly id: string;
  onSecure(socket: TLSSocket, peer: SecurePeer): void;
  onRefused(reason: Refusal): void;
}

/** How long a session may be resumed: until then nobody looks at a client's certificate again. */
const sessionSeconds = 300;

/**
 * Ends TLS on connections that others have accepted. Of certificates that are renewed a new one is made: handshakes under
 * way end on the old one, open connections live on.
 */
export class SecureDoor {
  readonly #settings: SecureDoorSettings;
  readonly #server: Server;
  readonly #names = new HostNames<ServerCertificate>();
  readonly #contexts = new Map<ServerCertificate, SecureContext>();

  /** @throws Error when a certificate cannot be used. */
  constructor(settings: SecureDoorSettings) {
    this.#settings = settings;
    const { tls, offersHttp2, id } = settings;
    const [first] = tls.certificates as [ServerCertificate];
    for (const certificate of tls.certificates) this.#names.add(certificate.names, certificate);
    this.#server = createServer({
      ...this.#contextOptions(first),
      ALPNProtocols: offersHttp2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      requestCert: tls.clientAuth !== null,
      rejectUnauthorized: tls.clientAuth?.mode === 'require',
      // Late handshakes are ended by the door itself: this one would be put off by every byte.
      handshakeTimeout: 0x7fffffff,
      sessionTimeout: sessionSeconds,
      sessionIdContext: createHmac('sha256', settings.ticketSecret).update(id).digest('hex').slice(0, 32),
      SNICallback: (name, callback) => this.#choose(name.toLowerCase(), callback),
    });
    this.#server.on('secureConnection', (socket) => this.#enter(socket));
    this.#server.on('tlsClientError', (error, socket) => settings.onRefused(refusalOf(error, socket)));
  }

  /** Begins the handshake. */
  take(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  #contextOptions({ cert, key }: ServerCertificate) {
    const { minVersion, clientAuth } = this.#settings.tls;
    return {
      cert,
      key,
      minVersion,
      ticketKeys: this.#ticketKeys(),
      ...(clientAuth ? { ca: clientAuth.ca } : {}),
    };
  }

  /** A ticket vouches for a client's certificate: it is worth nothing where others are asked for. */
  #ticketKeys(): Buffer {
    const { tls, ticketSecret, id } = this.#settings;
    return createHmac('sha384', ticketSecret)
      .update(JSON.stringify([id, tls.clientAuth, tls.minVersion]))
      .digest();
  }

  #choose(name: string, callback: (error: Error | null, context?: SecureContext) => void): void {
    const certificate = this.#names.find(name);
    if (certificate === undefined && this.#settings.tls.unknownNames === 'refuse')
      return callback(new UnknownName());
    // Without a context of its own it is the server's: the default.
    if (certificate === undefined || certificate === this.#settings.tls.certificates[0])
      return callback(null);
    let context = this.#contexts.get(certificate);
    if (!context)
      this.#contexts.set(certificate, (context = createSecureContext(this.#contextOptions(certificate))));
    callback(null, context);
  }

  #enter(socket: TLSSocket): void {
    const { tls, onRefused, onSecure } = this.#settings;
    // Who the client is was settled in this handshake; another one costs us more than it costs the client.
    socket.disableRenegotiation();
    // Node only says that one was begun.
    socket.on('error', () => socket.destroy());
    // Typed as text, but false where the client named no server.
    const asked = socket.servername as string | false | null | undefined;
    if (!asked && tls.unknownNames === 'refuse') {
      onRefused('unknown_name');
      return void socket.destroy();
    }
    const shown = (asked ? this.#names.find(asked.toLowerCase()) : undefined) ?? tls.certificates[0]!;
    const client = tls.clientAuth === null ? undefined : socket.getPeerX509Certificate();
    if (client !== undefined && !socket.authorized) {
      onRefused('client_certificate');
      return void socket.destroy();
    }
    onSecure(socket, {
      clientCertificate: client === undefined ? null : describeCertificate(client),
      mayServe: (host) => {
        const owner = this.#names.find(host);
        return owner === undefined || owner === shown || covers(shown, host);
      },
    });
  }
}

class UnknownName extends Error {}

function covers({ names }: ServerCertificate, host: string): boolean {
  const dot = host.indexOf('.');
  return names.includes(host) || (dot > 0 && names.includes(`*${host.slice(dot)}`));
}

function refusalOf(error: Error & { code?: string }, socket: TLSSocket): Refusal {
  if (error instanceof UnknownName) return 'unknown_name';
  const { code = '' } = error;
  if (socket.authorizationError || /PEER_DID_NOT_RETURN|CERTIFICATE|UNKNOWN_CA/.test(code))
    return 'client_certificate';
  return code === 'ECONNRESET' ? 'closed' : 'tls_protocol';
}
