import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { valuesOf } from '#core/head.ts';
import type { ClientCertificate } from '#core/listener.ts';
import { readClientCert } from './read-client-cert.ts';
import type { MtlsAuthSettings } from './schema.ts';

/** Who asks, by the certificate that was shown under TLS. Its chain and validity are the listener's affair. */
export const mtlsAuth: PolicyKind<MtlsAuthSettings> = {
  name: 'mtls-auth',
  create: createMtlsAuth,
};

const field = 'client-cert';

function createMtlsAuth(settings: MtlsAuthSettings, { consumers }: PolicyServices): Policy {
  const byHeader = settings.header ?? false;
  const optional = settings.optional ?? false;
  /** The proxy's word, where it is believed. Of two words one may be the client's own: together they are none. */
  const named = ({ head }: Exchange): string | undefined => {
    if (!byHeader || !head.peer.trusted || head.clientCertificate !== null) return undefined;
    const values = valuesOf(head.headers, field);
    return values.length > 0 ? values.join(', ') : undefined;
  };
  const shown = (exchange: Exchange): ClientCertificate | null => {
    const header = named(exchange);
    return header === undefined ? exchange.head.clientCertificate : readClientCert(header);
  };
  return {
    name: 'mtls-auth',
    summary: `requires a consumer's certificate, ${byHeader ? 'of the connection or by a trusted proxy' : 'of the connection'}${optional ? ', or none at all' : ''}`,
    presents: (exchange) => exchange.head.clientCertificate !== null || named(exchange) !== undefined,
    credentials: { challenge: null, headers: byHeader ? [field] : [] },
    onHead(exchange) {
      const certificate = shown(exchange);
      if (byHeader) exchange.consumedHeaders.push(field);
      if (certificate === null) {
        if (named(exchange) !== undefined)
          throw new Fault(
            'auth/unknown-credential',
            'The Client-Cert header holds no certificate (RFC 9440).',
          );
        if (optional) return;
        throw new Fault('auth/no-credential', 'The client has shown no certificate.');
      }
      const consumer = consumers.findCertificate(certificate);
      if (!consumer)
        throw new Fault(
          'auth/unknown-credential',
          `The certificate of ${certificate.subject} is no consumer's, or that of two.`,
        );
      exchange.consumer = consumer;
    },
  };
}
