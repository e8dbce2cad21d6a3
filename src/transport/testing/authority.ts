import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** PEM texts. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Wish {
  /** Distinguished name, as openssl takes it (`/CN=` and the first name). */
  readonly subject?: string;
  /** As openssl takes them: `DNS:a.test,URI:spiffe://a/b`. */
  readonly alternatives: string;
  readonly from?: string;
  readonly to?: string;
}

export interface Authority {
  readonly ca: string;
  issue(wish: Wish): Pair;
  /** One that vouches only for itself. */
  selfSign(alternatives: string): Pair;
  [Symbol.dispose](): void;
}

const config = `[ca]
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
countryName=optional
organizationName=optional
commonName=supplied
`;
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** An authority that signs what it is asked to, by openssl. */
export function makeAuthority(): Authority {
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-authority-'));
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { cwd, encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl ${args[0]} was to make a certificate, but said: ${stderr}`);
  };
  const text = (name: string) => readFileSync(join(cwd, name), 'utf8');
  const pair = (name: string): Pair => ({ cert: text(`${name}.pem`), key: text(`${name}.key`) });
  const out = (name: string) => ['-keyout', `${name}.key`, '-out'];
  writeFileSync(join(cwd, 'ca.conf'), config);
  writeFileSync(join(cwd, 'index'), '');
  writeFileSync(join(cwd, 'serial'), '01\n');
  const signSelf = (name: string, extension: string) => {
    const whose = ['-days', '2', '-subj', `/CN=${name}`, '-addext', extension];
    openssl('req', '-x509', ...newKey, ...out(name), `${name}.pem`, ...whose);
  };
  signSelf('authority', 'keyUsage=keyCertSign');
  let issued = 0;
  return {
    ca: text('authority.pem'),
    issue({ subject, alternatives, from = '20200101000000Z', to = '20990101000000Z' }) {
      const name = `c${++issued}`;
      const whose = subject ?? `/CN=${/^\w+:([^,]+)/.exec(alternatives)![1]!}`;
      const also = ['-addext', `subjectAltName=${alternatives}`];
      openssl('req', ...newKey, ...out(name), `${name}.csr`, '-subj', whose, ...also);
      const files = [
        '-cert',
        'authority.pem',
        '-keyfile',
        'authority.key',
        '-in',
        `${name}.csr`,
        '-out',
        `${name}.pem`,
      ];
      openssl('ca', '-batch', '-notext', '-config', 'ca.conf', '-startdate', from, '-enddate', to, ...files);
      return pair(name);
    },
    selfSign(alternatives) {
      const name = `c${++issued}`;
      signSelf(name, `subjectAltName=${alternatives}`);
      return pair(name);
    },
    [Symbol.dispose]: () => rmSync(cwd, { recursive: true, force: true }),
  };
}
