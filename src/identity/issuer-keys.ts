import { createPublicKey } from 'node:crypto';
import type { JsonObject } from '#core/call.ts';
import type { PolicyServices } from '#core/contracts/policy.ts';
import { parseDuration } from '#core/units.ts';
import { unavailable } from './challenge.ts';
import { parseKeySet, secretKeySet, signatureAlgorithms, type KeySet } from './key-set.ts';
import { fetchJson, RemoteDocument } from './remote-document.ts';
import type { IssuerSettings } from './schema-issuer.ts';

/** The keys of an issuer, which may change under way. */
export interface IssuerKeys {
  /** What holds now, without waiting; null: nothing is known. The same object as long as the keys are the same. */
  readonly current: KeySet | null;
  /** @throws Fault `auth/unavailable`. */
  get(): Promise<KeySet>;
  /** After a token named a key that is not there. @throws Fault `auth/unavailable`. */
  newer(): Promise<KeySet>;
}

type Services = Pick<PolicyServices, 'ask' | 'keep' | 'clock'>;

const maxBytes = 256 * 1024;

/** @throws Error for settings that cannot be. */
export function createIssuerKeys(settings: IssuerSettings, services: Services): IssuerKeys {
  const { jwks, publicKeys, secret, discovery, algorithms = null } = settings;
  const said = Object.entries({ jwks, publicKeys, secret }).filter(([, value]) => value !== undefined);
  if (said.length > 1)
    throw new Error(`expected one of ${said.map(([name]) => `"${name}"`).join(' and ')}, got all of them`);
  if (said.length > 0 && discovery !== undefined)
    throw new Error(`"discovery" finds keys, and "${said[0]![0]}" gives them; leave one out`);
  const unknown = algorithms?.find((name) => !signatureAlgorithms.includes(name));
  if (unknown !== undefined)
    throw new Error(`unknown algorithm "${unknown}"; there are ${signatureAlgorithms.join(', ')}`);
  if (secret !== undefined)
    return fixed(secretKeySet(Buffer.from(secret, encodings[settings.secretEncoding ?? 'text']), algorithms));
  if (publicKeys) return fixed(parseKeySet({ keys: publicKeys.map(jwkOf) }, algorithms));
  if (typeof jwks === 'object') return fixed(parseKeySet(jwks, algorithms));
  return remote(settings, jwks ?? null, services);
}

const encodings = { text: 'utf8', base64: 'base64', base64url: 'base64url' } as const;

const fixed = (set: KeySet): IssuerKeys => ({
  current: set,
  get: () => Promise.resolve(set),
  newer: () => Promise.resolve(set),
});

function jwkOf(pem: string): object {
  try {
    return createPublicKey(pem).export({ format: 'jwk' });
  } catch (cause) {
    throw new Error('publicKeys: a public key or certificate in PEM was expected', { cause });
  }
}

/** `jwks`: where the set is; null: the issuer's metadata says it. */
function remote(settings: IssuerSettings, jwks: string | null, { ask, keep, clock }: Services): IssuerKeys {
  const { issuer, algorithms = null, ca } = settings;
  const metadata = settings.discovery ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  if (jwks === null && !/^https?:\/\/./.test(metadata))
    throw new Error('its keys are missing: "jwks", "publicKeys" or "secret", since the issuer is no URL');
  const rules = {
    refreshMs: parseDuration(settings.refresh ?? '10min'),
    staleMs: parseDuration(settings.keepStale ?? '24h'),
    coolDownMs: parseDuration(settings.coolDown ?? '30s'),
  };
  const deadlineMs = parseDuration(settings.timeout ?? '5s');
  const source = { deadlineMs, maxBytes, ...(ca === undefined ? {} : { ca }) };
  const fetch = async () =>
    fetchJson(ask, {
      ...source,
      url: jwks ?? placeOf(await fetchJson(ask, { ...source, url: metadata }), issuer),
    });
  const parse = (text: string) => parseKeySet(JSON.parse(text), algorithms);
  const name = JSON.stringify(['issuer-keys', issuer, jwks, metadata, ca, algorithms, rules, deadlineMs]);
  const document = keep(name, () => new RemoteDocument({ fetch, parse }, rules, clock));
  const failed = (cause: Error) => {
    throw unavailable(`The keys of ${issuer} could not be had: ${cause.message}.`, cause);
  };
  return {
    get current() {
      return document.current;
    },
    get: () => document.get().catch(failed),
    newer: () => document.newer().catch(failed),
  };
}

/** OpenID Connect Discovery §4.3, RFC 8414 §3.3: metadata that is another issuer's says nothing. */
function placeOf(text: string, issuer: string): string {
  const metadata = JSON.parse(text) as JsonObject | null;
  if (metadata?.['issuer'] !== issuer) throw new Error('its metadata is that of another issuer');
  const place = metadata['jwks_uri'];
  if (typeof place !== 'string' || !/^https?:\/\/[^\s#]+$/.test(place) || !URL.canParse(place))
    throw new Error('its metadata does not say where its keys are (jwks_uri)');
  if (issuer.startsWith('https:') && !place.startsWith('https:'))
    throw new Error('its metadata leads to keys that are not fetched by https');
  return place;
}
