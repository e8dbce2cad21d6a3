import { X509Certificate } from 'node:crypto';
import { describeCertificate } from '#core/describe-certificate.ts';
import type { ClientCertificate } from '#core/listener.ts';

/** The certificate in a Client-Cert field (RFC 9440 §2.2: a byte sequence of its DER). Null: there is none in it. */
export function readClientCert(field: string): ClientCertificate | null {
  const encoded = /^:([A-Za-z0-9+/]+={0,2}):$/.exec(field.trim())?.[1];
  if (encoded === undefined) return null;
  try {
    return describeCertificate(new X509Certificate(Buffer.from(encoded, 'base64')));
  } catch {
    return null;
  }
}
