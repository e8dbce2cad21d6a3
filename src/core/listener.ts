/** A place where clients come in, resolved. Plain data: it is sent to threads. */
export interface ListenerPlan {
  /** `host:port` as configured, which it keeps over reloads; a second one on a free port has `#2` after it. */
  readonly id: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Leave IPv4 to others where the host is `::`. */
  readonly ipv6Only: boolean;
  /** Addresses and CIDR ranges of peers that may name the client. */
  readonly trustedProxies: readonly string[];
  /** Each connection begins with a PROXY header. Only trusted peers are let in. */
  readonly proxyProtocol: boolean;
  /** Of all threads together; 0 is unlimited. */
  readonly maxConnections: number;
  /** Null: plain text. */
  readonly tls: ListenerTls | null;
  /** Null: HTTP/1.1 alone. */
  readonly http2: ListenerHttp2 | null;
}

export interface ListenerHttp2 {
  /** Of one connection. */
  readonly maxStreams: number;
  /** May streams become WebSockets (RFC 8441)? */
  readonly websocket: boolean;
}

export interface ListenerTls {
  /** The first is the default. */
  readonly certificates: readonly ServerCertificate[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** A client that names no server, or one of no certificate: gets the default certificate, or is refused. */
  readonly unknownNames: 'default' | 'refuse';
  /** Authorities of clients (PEM), and whether a client must show a certificate. Null: none is asked for. */
  readonly clientAuth: { readonly ca: string; readonly mode: 'require' | 'request' } | null;
  readonly handshakeTimeoutMs: number;
}

export interface ServerCertificate {
  /** PEM: the certificate and what leads to its authority. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  /** Lower case: names, `*.` and a name, addresses (IPv6 in brackets). */
  readonly names: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** What a client has proved to be, by a certificate that one of the listener's authorities signed. */
export interface ClientCertificate {
  /** Distinguished name, its parts in the certificate's order: `C=DE,O=Acme,CN=robot`; escapes as in RFC 4514. */
  readonly subject: string;
  /** Subject alternative names with their kinds: `DNS:robot.acme.test`, `URI:spiffe://acme.test/robot`. */
  readonly alternativeNames: readonly string[];
  /** SHA-256 of the whole certificate (DER): 64 lower-case hexadecimal digits. */
  readonly fingerprint256: string;
}
