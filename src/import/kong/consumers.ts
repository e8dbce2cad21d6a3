import { legalName, project, sha256Of, type Draft, type Piece } from '../draft.ts';
import type { Fields } from '../fields.ts';
import { secretOf } from '../llm-parts.ts';
import { calledBy, isCalled, reference, type Entities } from './entities.ts';

interface Owner {
  readonly name: string;
  readonly piece: Piece;
}

/** Consumers with their credentials; those that sign tokens are issuers. */
export function readConsumers(root: Fields, { consumers, groups }: Entities, draft: Draft): Piece[] {
  const issuers: Piece[] = [];
  const owners: { readonly fields: Fields; readonly owner: Owner }[] = [];
  for (const fields of consumers) {
    const name = legalName(calledBy(fields));
    for (const key of ['username', 'id', 'tags']) fields.take(key);
    if (fields.has('custom_id')) fields.differs('custom_id', 'consumers are known by their names');
    if (draft.has('consumers', name)) {
      fields.restNotCarried(`another consumer is called "${name}"`);
      continue;
    }
    const owner: Owner = { name, piece: { project, groups: [] } };
    draft.set('consumers', name, owner.piece);
    owners.push({ fields, owner });
    for (const kind of kinds)
      for (const each of fields.each(kind)) readCredential(kind, each, { owner, draft, issuers });
    for (const each of fields.each('groups')) {
      const group = each.word('name');
      if (group !== undefined) join(owner, group);
      each.close('groups of consumers');
    }
    fields.close('consumers');
  }
  const find = (name: string): Owner | null =>
    owners.find(({ fields }) => isCalled(fields, name))?.owner ?? null;
  for (const kind of kinds)
    for (const each of root.each(kind)) {
      const owner = find(reference(each, 'consumer') ?? '');
      if (owner) readCredential(kind, each, { owner, draft, issuers });
      else each.restNotCarried('it is no consumer’s');
    }
  for (const group of groups) {
    const name = calledBy(group);
    for (const key of ['name', 'id', 'tags']) group.take(key);
    for (const each of group.each('consumers')) {
      const owner = find(calledBy(each));
      if (owner) join(owner, name);
      for (const key of ['username', 'id', 'custom_id', 'tags']) each.take(key);
      each.close('groups of consumers');
    }
    group.close('groups of consumers');
  }
  for (const { owner } of owners)
    if ((owner.piece['groups'] as string[]).length === 0) delete owner.piece['groups'];
  return issuers;
}

function join({ piece }: Owner, group: string): void {
  const groups = piece['groups'] as string[];
  if (!groups.includes(group)) groups.push(group);
}

const kinds = [
  ...(['keyauth_credentials', 'basicauth_credentials', 'jwt_secrets', 'acls'] as const),
  ...(['hmacauth_credentials', 'oauth2_credentials', 'mtls_auth_credentials'] as const),
] as const;

interface Scope {
  readonly owner: Owner;
  readonly draft: Draft;
  readonly issuers: Piece[];
}

function readCredential(
  kind: (typeof kinds)[number],
  fields: Fields,
  { owner, draft, issuers }: Scope,
): void {
  const { name, piece } = owner;
  const { report } = draft;
  for (const key of ['id', 'tags', 'consumer', 'ttl']) fields.take(key);
  const purpose = (what: string): string => `${what} of ${name}`;
  switch (kind) {
    case 'keyauth_credentials': {
      const key = fields.text('key');
      if (key === undefined) return fields.restNotCarried('a key that is made by itself is not known');
      if (key.startsWith('{vault:'))
        draft.add('keys', name, {
          consumer: name,
          secret: secretOf(report, key, { variable: `${name}_KEY`, purpose: purpose('key') }),
        });
      else draft.add('keys', name, { consumer: name, sha256: sha256Of(key) });
      return fields.close('keys');
    }
    case 'basicauth_credentials': {
      const user = fields.word('username');
      const password = fields.word('password');
      if (user === undefined || password === undefined || piece['basic'])
        return fields.restNotCarried('one user name and password of a consumer is carried over');
      const secret = { variable: `${name}_PASSWORD`, purpose: purpose('password') };
      piece['basic'] = { user, password: secretOf(report, password, secret) };
      return fields.close('consumers: basic');
    }
    case 'jwt_secrets': {
      const issuer = fields.text('key');
      const algorithm = fields.text('algorithm') ?? 'HS256';
      const secret = fields.word('secret');
      const publicKey = fields.text('rsa_public_key');
      const isShared = algorithm.startsWith('HS');
      if (issuer === undefined || (isShared ? secret : publicKey) === undefined)
        return fields.restNotCarried('a key and a secret or a public key are needed');
      const said = {
        variable: `${name}_JWT_SECRET`,
        purpose: `${purpose('secret of tokens')}; as long as their hash at least (32 bytes for HS256)`,
      };
      issuers.push({
        ...{ issuer, audience: false, algorithms: [algorithm], consumer: name },
        ...(isShared ? { secret: secretOf(report, secret!, said) } : { publicKeys: [publicKey] }),
      });
      return fields.close('jwt: issuers');
    }
    case 'acls': {
      const group = fields.word('group');
      if (group !== undefined) join(owner, group);
      return fields.close('groups of consumers');
    }
    default:
      return fields.restNotCarried('give the consumer a credential of another kind: docs/access.md');
  }
}
