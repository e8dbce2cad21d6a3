import { noCredential } from '../no-credential.ts';
import { isRecord, textOf } from '../json-text.ts';

export interface ServiceAccount {
  readonly type: 'service_account';
  readonly email: string;
  /** PEM. */
  readonly privateKey: string;
  readonly keyId: string | undefined;
  readonly tokenUrl: string;
}

/** Of a person, as `gcloud auth application-default login` leaves it. */
export interface AuthorizedUser {
  readonly type: 'authorized_user';
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
  readonly tokenUrl: string;
}

export type GoogleCredential = ServiceAccount | AuthorizedUser;

const tokenEndpoint = 'https://oauth2.googleapis.com/token';

/** @param where What to call it, when it is not good. @throws Fault that shows nothing of it. */
export function parseCredential(json: string, where: string): GoogleCredential {
  const fields = parseObject(json, where);
  const tokenUrl = textOf(fields, 'token_uri') ?? tokenEndpoint;
  if (!/^https?:\/\/[^\s/]/.test(tokenUrl)) throw noCredential(`${where}: token_uri is no address.`);
  const needed = (name: string): string => {
    const value = textOf(fields, name);
    if (value === undefined) throw noCredential(`${where}: expected the text "${name}" in it.`);
    return value;
  };
  switch (fields['type']) {
    case 'service_account':
      return {
        type: 'service_account',
        email: needed('client_email'),
        privateKey: needed('private_key'),
        keyId: textOf(fields, 'private_key_id'),
        tokenUrl,
      };
    case 'authorized_user':
      return {
        type: 'authorized_user',
        clientId: needed('client_id'),
        clientSecret: needed('client_secret'),
        refreshToken: needed('refresh_token'),
        tokenUrl,
      };
    default:
      throw noCredential(
        `${where}: expected the type "service_account" or "authorized_user", got ${JSON.stringify(fields['type'])}.`,
      );
  }
}

function parseObject(json: string, where: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    parsed = null;
  }
  if (isRecord(parsed)) return parsed;
  throw noCredential(`${where}: expected the JSON of a credential.`);
}
