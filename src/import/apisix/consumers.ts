import { legalName, project, sha256Of, type Draft, type Piece } from '../draft.ts';
import type { Fields } from '../fields.ts';
import { secretOf } from '../llm-parts.ts';

const credentials = ['key-auth', 'basic-auth', 'jwt-auth', 'hmac-auth'] as const;

export interface ReadConsumer {
  readonly name: string;
  /** What else it brings; null: nothing. */
  readonly plugins: Fields | null;
}

/** A consumer with its credentials; tokens are signed by it as an issuer. */
export function readConsumer(fields: Fields, draft: Draft, issuers: Piece[]): ReadConsumer | null {
  const wanted = fields.word('username');
  if (wanted === undefined) {
    fields.restNotCarried('a consumer needs its username');
    return null;
  }
  const name = legalName(wanted);
  const group = fields.word('group_id');
  for (const key of ['desc', 'labels', 'id', 'create_time', 'update_time'])
    if (fields.has(key)) fields.notCarried(key, 'it changes nothing');
  const consumer: Piece = { project, ...(group === undefined ? {} : { groups: [group] }) };
  if (draft.has('consumers', name)) {
    fields.restNotCarried(`another consumer is called "${name}"`);
    return null;
  }
  draft.set('consumers', name, consumer);
  const plugins = fields.within('plugins');
  const lists = [plugins, ...fields.each('credentials').map((each) => own(each))];
  for (const list of lists)
    for (const kind of credentials) {
      const credential = list?.within(kind);
      if (credential) readCredential(kind, credential, { name, consumer, draft, issuers });
    }
  fields.close('consumers');
  return { name, plugins };
}

/** Credentials that stand apart have their plugins as consumers do. */
function own(credential: Fields): Fields | null {
  for (const key of ['id', 'name', 'desc', 'labels']) credential.word(key);
  credential.close('consumers');
  return credential.within('plugins');
}

export const isCredential = (plugin: string): boolean => (credentials as readonly string[]).includes(plugin);

interface Owner {
  readonly name: string;
  readonly consumer: Piece;
  readonly draft: Draft;
  readonly issuers: Piece[];
}

function readCredential(
  kind: (typeof credentials)[number],
  fields: Fields,
  { name, consumer, draft, issuers }: Owner,
): void {
  const { report } = draft;
  switch (kind) {
    case 'key-auth': {
      const key = fields.text('key');
      if (key === undefined) return fields.restNotCarried('a key is needed');
      const isPlain = !/^\$(secret|env|ENV):\/\//.test(key);
      if (isPlain) draft.add('keys', name, { consumer: name, sha256: sha256Of(key) });
      else
        draft.add('keys', name, {
          consumer: name,
          secret: secretOf(report, key, { variable: `${name}_KEY`, purpose: `key of ${name}` }),
        });
      return fields.close(isPlain ? 'keys, by its SHA-256' : 'keys');
    }
    case 'basic-auth': {
      const user = fields.word('username');
      const password = fields.word('password');
      if (user === undefined || password === undefined || consumer['basic'])
        return fields.restNotCarried('one user name and password of a consumer is carried over');
      consumer['basic'] = {
        user,
        password: secretOf(report, password, {
          variable: `${name}_PASSWORD`,
          purpose: `password of ${name} (basic-auth)`,
        }),
      };
      return fields.close('consumers: basic');
    }
    case 'jwt-auth': {
      const issuer = fields.text('key');
      const algorithm = fields.text('algorithm') ?? 'HS256';
      const secret = fields.word('secret');
      const publicKey = fields.text('public_key');
      const isEncoded = fields.flag('base64_secret') === true;
      if (fields.has('exp')) fields.notCarried('exp', 'tokens say themselves until when they hold');
      if (issuer === undefined || (secret === undefined && publicKey === undefined))
        return fields.restNotCarried('a key and a secret or a public key are needed');
      issuers.push({
        issuer,
        audience: false,
        algorithms: [algorithm],
        consumer: name,
        ...(publicKey === undefined || algorithm.startsWith('HS')
          ? {
              secret: secretOf(report, secret ?? '', {
                variable: `${name}_JWT_SECRET`,
                purpose: `secret of tokens of ${name}; as long as their hash at least (32 bytes for HS256)`,
              }),
              ...(isEncoded ? { secretEncoding: 'base64' } : {}),
            }
          : { publicKeys: [publicKey] }),
      });
      return fields.close('jwt: issuers');
    }
    case 'hmac-auth':
      return fields.restNotCarried(
        'signatures are those of RFC 9421 here, with keys of at least 16 characters: consumers, hmac',
      );
  }
}
