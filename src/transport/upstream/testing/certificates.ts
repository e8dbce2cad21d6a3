import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  /** PEM texts. */
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  /** Of the authority that signed all but `selfSigned`. */
  readonly ca: string;
  /** For `localhost` and 127.0.0.1. */
  readonly good: Certificate;
  /** For `localhost`, and no address. */
  readonly nameOnly: Certificate;
  /** For `other.test`. */
  readonly wrongName: Certificate;
  /** As `good`, but only until 2021. */
  readonly expired: Certificate;
  /** For `localhost` and 127.0.0.1. */
  readonly selfSigned: Certificate;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const here = 'DNS:localhost,IP:127.0.0.1';
const authority = `[ca]
default_ca=x
[x]
database=index
serial=serial
new_certs_dir=.
default_md=sha256
policy=any
copy_extensions=copy
unique_subject=no
[any]
commonName=supplied
`;

/** Makes an authority and certificates with openssl, which a test needs only while it runs. */
export function makeCertificates(): Certificates {
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-certificates-'));
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { cwd, encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl ${args[0]} was to make a certificate, but said: ${stderr}`);
  };
  const text = (name: string) => readFileSync(join(cwd, name), 'utf8');
  const pair = (name: string): Certificate => ({ cert: text(`${name}.pem`), key: text(`${name}.key`) });
  const selfSign = (name: string, extension: string) =>
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-addext',
      extension,
    );
  const sign = (name: string, alternatives: string, [from, to]: readonly [string, string]) => {
    openssl(
      'req',
      ...newKey,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${name}`,
      '-addext',
      `subjectAltName=${alternatives}`,
    );
    openssl(
      'ca',
      '-batch',
      '-notext',
      '-config',
      'ca.conf',
      '-cert',
      'ca.pem',
      '-keyfile',
      'ca.key',
      '-startdate',
      from,
      '-enddate',
      to,
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.pem`,
    );
    return pair(name);
  };
  const lasting = ['20200101000000Z', '20990101000000Z'] as const;
  try {
    writeFileSync(join(cwd, 'ca.conf'), authority);
    writeFileSync(join(cwd, 'index'), '');
    writeFileSync(join(cwd, 'serial'), '01\n');
    selfSign('ca', 'keyUsage=keyCertSign');
    selfSign('self', `subjectAltName=${here}`);
    return {
      ca: text('ca.pem'),
      good: sign('good', here, lasting),
      nameOnly: sign('name', 'DNS:localhost', lasting),
      wrongName: sign('wrong', 'DNS:other.test', lasting),
      expired: sign('expired', here, ['20200101000000Z', '20210101000000Z']),
      selfSigned: pair('self'),
    };
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}
