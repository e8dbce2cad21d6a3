/** `alpn`: where the peer chooses it in the TLS handshake. `prior-knowledge`: always, and over plain connections as well. */
export type Http2Use = 'alpn' | 'prior-knowledge';
