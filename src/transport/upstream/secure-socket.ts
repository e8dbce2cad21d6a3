import { isIP, type Socket } from 'node:net';
import {
  connect,
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import type { Origin } from '#core/contracts/upstream.ts';
import { bareHost } from './bare-host.ts';

type TlsSettings = NonNullable<Origin['tls']>;

const maxSessions = 10_000;

/** What connections of the same origin share, so that only the first pays for certificates and a whole handshake. */
export class SecureSockets {
  readonly #sessions = new Map<string, Buffer>();
  /** By the settings themselves: renewed certificates come as new settings. Making a context takes some 16 ms. */
  readonly #contexts = new WeakMap<TlsSettings, SecureContext>();

  /** Begins TLS over a connection. The caller listens for 'secureConnect' and 'error'. @throws Error for bad PEM texts. */
  secure(socket: Socket, origin: Origin, protocols: readonly string[]): TLSSocket {
    const host = bareHost(origin.host);
    const session = this.#sessions.get(origin.key);
    const secured = connect({
      socket,
      // The name in the certificate is compared with this, never with a proxy's.
      host,
      ALPNProtocols: [...protocols],
      ...(isIP(host) ? {} : { servername: host }),
      ...(origin.tls ? { secureContext: this.#contextOf(origin.tls) } : {}),
      ...(session ? { session } : {}),
    });
    // node:tls emits it only once the certificate has been verified.
    secured.on('session', (ticket: Buffer) => {
      if (this.#sessions.size >= maxSessions) this.#sessions.clear();
      this.#sessions.set(origin.key, ticket);
    });
    return secured;
  }

  /** After a failed handshake the next one begins anew. */
  forget(origin: Origin): void {
    this.#sessions.delete(origin.key);
  }

  #contextOf(settings: TlsSettings): SecureContext {
    let context = this.#contexts.get(settings);
    if (!context) {
      const { ca, cert, key } = settings;
      context = createSecureContext({
        // Extra authorities: the system's stay trusted.
        ...(ca === null ? {} : { ca: [...getCACertificates('default'), ca] }),
        ...(cert === null ? {} : { cert }),
        ...(key === null ? {} : { key }),
      });
      this.#contexts.set(settings, context);
    }
    return context;
  }
}
