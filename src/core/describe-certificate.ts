import type { ClientCertificate } from './listener.ts';

/** As Node reads a certificate (`X509Certificate`). */
export interface ReadCertificate {
  readonly subject: string | undefined;
  readonly subjectAltName: string | undefined;
  /** Hexadecimal digits with colons. */
  readonly fingerprint256: string;
}

/** What a verified certificate says of its owner. */
export function describeCertificate(certificate: ReadCertificate): ClientCertificate {
  return {
    // Node gives one part a line, and escapes what could pass for a separator.
    subject: (certificate.subject ?? '').replaceAll('\n', ','),
    alternativeNames: splitNames(certificate.subjectAltName ?? ''),
    fingerprint256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

/** Node writes `DNS:a, URI:b`, and a value that could be read as two of them as `DNS:"…"` in JSON. */
function splitNames(text: string): string[] {
  const entries = text.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  return entries.map((entry) => {
    const [, kind, quoted] = /^([^:]+):(".*")$/s.exec(entry.trim()) ?? [];
    return quoted === undefined ? entry.trim() : `${kind}:${JSON.parse(quoted) as string}`;
  });
}
