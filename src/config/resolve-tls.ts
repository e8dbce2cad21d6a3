import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import type { ListenerTls, ServerCertificate } from '#core/listener.ts';
import type { Path } from './places.ts';
import type { Problems } from './problem.ts';
import type { ListenerSettings } from './schema.ts';
import { parseDuration } from '#core/units.ts';

type TlsSettings = NonNullable<ListenerSettings['tls']>;
type CertificateSettings = TlsSettings['certificates'][number];

/** Certificates as they are to be shown. A pair that cannot be used is a problem; one that has expired is not. */
export function resolveTls(settings: TlsSettings, path: Path, problems: Problems): ListenerTls {
  const { minVersion = 'TLSv1.2', unknownNames = 'default', clientAuth } = settings;
  const owners = new Map<string, number>();
  const certificates = settings.certificates.flatMap((pair, i) => {
    const at = [...path, 'certificates', i];
    const certificate = resolveCertificate(pair, at, problems);
    if (!certificate) return [];
    const fresh = certificate.names.filter((name) => !owners.has(name));
    for (const name of fresh) owners.set(name, i);
    if (fresh.length === 0 && i > 0) {
      const why = certificate.names.length
        ? 'other certificates above it have all of its names'
        : 'it has no names';
      problems.add(at, `nothing would choose this certificate: ${why}`);
    }
    return [certificate];
  });
  if (clientAuth) checkAuthorities(clientAuth.ca, [...path, 'clientAuth', 'ca'], problems);
  return {
    certificates,
    minVersion,
    unknownNames,
    clientAuth: clientAuth ? { ca: clientAuth.ca, mode: clientAuth.mode ?? 'require' } : null,
    handshakeTimeoutMs: parseDuration(settings.handshakeTimeout ?? '10s'),
  };
}

/** Null: the pair cannot be used, which is a problem. */
export function resolveCertificate(
  { cert, key, names }: CertificateSettings,
  path: Path,
  problems: Problems,
): ServerCertificate | null {
  let certificate: X509Certificate;
  let privateKey: KeyObject;
  try {
    certificate = new X509Certificate(cert);
  } catch {
    problems.add([...path, 'cert'], 'expected a certificate in PEM ("-----BEGIN CERTIFICATE-----")');
    return null;
  }
  try {
    privateKey = createPrivateKey(key);
  } catch {
    problems.add([...path, 'key'], 'expected a private key in PEM, without a passphrase');
    return null;
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    const subject = certificate.subject?.replaceAll('\n', ', ') || 'without a subject';
    problems.add([...path, 'key'], `is not the key of the certificate beside it (${subject})`);
    return null;
  }
  try {
    // What OpenSSL would not serve, such as a key that is too short or a broken chain.
    process.getBuiltinModule('node:tls').createSecureContext({ cert, key });
  } catch (error) {
    problems.add([...path, 'cert'], `cannot be served: ${(error as Error).message}`);
    return null;
  }
  return {
    cert,
    key,
    names: (names ?? namesOf(certificate)).map((name) => name.toLowerCase()),
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
  };
}

/** Names and addresses of its SAN extension; of one without that, the common name. */
function namesOf({ subjectAltName, subject }: X509Certificate): string[] {
  if (subjectAltName === undefined) {
    const common = /^CN=(\S+)$/m.exec(subject ?? '')?.[1];
    return common === undefined ? [] : [common];
  }
  return subjectAltName.split(', ').flatMap((entry) => {
    const [, kind, name] = /^(DNS|IP Address):([\w*.:-]+)$/.exec(entry) ?? [];
    if (name === undefined) return [];
    return kind === 'DNS' ? [name] : [isIP(name) === 6 ? new URL(`http://[${name}]`).hostname : name];
  });
}

const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function checkAuthorities(ca: string, path: Path, problems: Problems): void {
  const found = ca.match(pem) ?? [];
  try {
    for (const text of found) void new X509Certificate(text);
    if (found.length) return;
  } catch {
    // Said below.
  }
  problems.add(path, 'expected certificates of authorities in PEM ("-----BEGIN CERTIFICATE-----")');
}
