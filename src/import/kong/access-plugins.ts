import { anywhere } from '../draft.ts';
import type { Fields } from '../fields.ts';
import { guarding, isHeaderName, isPattern } from '../plugin-reader.ts';
import { place } from '../route-parts.ts';
import type { Plugin } from './plugin.ts';

/** What plugins of authentication have in common: the settings for all of them. */
function authentication(config: Fields, what: string): { readonly optional?: true } {
  if (config.flag('hide_credentials') === false)
    config.differs('hide_credentials', `${what} goes no further than the gateway`);
  if (config.flag('run_on_preflight') === true)
    config.differs('run_on_preflight', 'preflights are answered by cors, before it');
  if (config.has('realm')) config.differs('realm', 'what browsers show is said by the policy');
  const anonymous = config.text('anonymous');
  if (anonymous === undefined) return {};
  config.differs('anonymous', 'calls without a credential pass as nobody; a wrong one is refused');
  return { optional: true };
}

const keyAuth: Plugin = (config, { parts }) => {
  const names = config.texts('key_names') ?? ['apikey'];
  const inHeader = config.flag('key_in_header') ?? true;
  const inQuery = config.flag('key_in_query') ?? true;
  if (config.flag('key_in_body') === true)
    config.notCarried('key_in_body', 'keys come in headers or queries');
  const more = authentication(config, 'the key');
  const headers = inHeader ? names.filter(isHeaderName) : [];
  parts.policy(place.authentication, 'key-auth', {
    headers: headers.length > 0 ? headers : ['apikey'],
    ...(inQuery ? { query: names[0] } : {}),
    ...more,
  });
  config.close('key-auth');
};

const basicAuth: Plugin = (config, { parts }) => {
  parts.policy(place.authentication, 'basic-auth', authentication(config, 'the password'));
  config.close('basic-auth');
};

const jwt: Plugin = (config, at) => {
  const { parts, issuers } = at;
  const claim = config.text('key_claim_name') ?? 'iss';
  const headers = config.texts('header_names') ?? ['authorization'];
  const queries = config.texts('uri_param_names') ?? ['jwt'];
  const [cookie] = config.texts('cookie_names') ?? [];
  const more = authentication(config, 'the token');
  if (claim !== 'iss') return guarding('tokens say who has signed them in "iss"')(config, at);
  if (issuers.length === 0) return guarding('no consumer has jwt_secrets')(config, at);
  if (config.has('claims_to_verify')) config.differs('claims_to_verify', 'exp and nbf are always held to');
  if (config.has('maximum_expiration'))
    config.notCarried('maximum_expiration', 'tokens hold until their exp');
  if (config.flag('secret_is_base64') === true)
    config.notCarried('secret_is_base64', 'say "secretEncoding: base64" of each issuer');
  const named = headers.filter(isHeaderName);
  parts.policy(place.authentication, 'jwt', {
    issuers,
    headers: named.length > 0 ? named : ['authorization'],
    query: queries[0],
    ...(cookie !== undefined && /^[A-Za-z0-9_-]+$/.test(cookie) ? { cookie } : {}),
    ...more,
  });
  config.close('jwt');
};

/** Lists have had other names. */
function lists(config: Fields): { readonly allow?: string[]; readonly deny?: string[] } | null {
  const allow = config.texts('allow') ?? config.texts('whitelist');
  const deny = config.texts('deny') ?? config.texts('blacklist');
  return allow || deny ? { ...(allow ? { allow } : {}), ...(deny ? { deny } : {}) } : null;
}

const acl: Plugin = (config, at) => {
  const found = lists(config);
  for (const key of ['hide_groups_header', 'always_use_authenticated_groups', 'include_consumer_groups'])
    if (config.has(key)) config.differs(key, 'upstreams are not told the groups');
  if (!found) return guarding('it names no groups')(config, at);
  const groups = Object.entries(found).map(([list, names]) => [list, { groups: names }]);
  at.parts.policy(place.access, 'access', Object.fromEntries(groups));
  config.close('access');
};

const ipRestriction: Plugin = (config, { parts }) => {
  const found = lists(config);
  for (const key of ['status', 'message'])
    if (config.has(key)) config.differs(key, 'refused calls get 403 and a problem document');
  if (!found) return config.restNotCarried('it names no addresses');
  parts.policy(place.restriction, 'ip-restriction', found);
  config.close('ip-restriction');
};

const botDetection: Plugin = (config, at) => {
  const found = lists(config);
  if (found?.allow) config.notCarried('allow', 'what is denied is denied; make the patterns narrower');
  const patterns = found?.deny?.map(anywhere);
  if (!patterns)
    return config.restNotCarried('the list of bots that it brings itself is not there: name them');
  if (!patterns.every(isPattern))
    return guarding('a pattern cannot be held against texts in linear time')(config, at);
  at.parts.policy(place.restriction, 'header-restriction', {
    headers: { 'user-agent': { deny: patterns, missing: 'allow' } },
  });
  config.close('header-restriction');
};

const cors: Plugin = (config, { parts }) => {
  const origins = config.texts('origins') ?? ['*'];
  const plain = origins.filter((origin) => origin === '*' || /^https?:\/\/[A-Za-z0-9.:-]+$/.test(origin));
  const methods = config.texts('methods')?.filter(isHeaderName);
  const headers = config.texts('headers')?.filter(isHeaderName);
  const expose = config.texts('exposed_headers')?.filter(isHeaderName);
  const credentials = config.flag('credentials') ?? false;
  const age = config.amount('max_age');
  const isOpen = plain.includes('*');
  if (plain.length < origins.length)
    config.differs('origins', 'those that are patterns are left out: name them');
  if (isOpen && credentials)
    config.differs('credentials', 'with credentials the origins must be named; none may send them');
  if (!headers)
    config.differs(
      'headers',
      'pages may send authorization, content-type, x-api-key and apikey; name others',
    );
  for (const key of ['preflight_continue', 'private_network', 'allow_origin_absent'])
    if (config.has(key)) config.notCarried(key, 'preflights are answered here');
  parts.policy(place.cors, 'cors', {
    origins: plain.length > 0 ? plain : ['https://nobody.invalid'],
    methods: methods ?? ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'OPTIONS'],
    headers: headers ?? ['authorization', 'content-type', 'x-api-key', 'apikey'],
    ...(expose ? { expose } : {}),
    ...(credentials && !isOpen ? { credentials } : {}),
    ...(age === undefined ? {} : { maxAgeSeconds: Math.min(86_400, Math.floor(age)) }),
  });
  config.close('cors');
};

export const accessPlugins: Readonly<Record<string, Plugin>> = {
  'key-auth': keyAuth,
  'key-auth-enc': keyAuth,
  'basic-auth': basicAuth,
  jwt,
  acl,
  'ip-restriction': ipRestriction,
  'bot-detection': botDetection,
  cors,
  'hmac-auth': guarding('signatures are those of RFC 9421 here (hmac-auth), which clients must make'),
  'ldap-auth': guarding('there is no LDAP; give consumers passwords, or ask a server by forward-auth'),
  'ldap-auth-advanced': guarding('there is no LDAP; ask a server by forward-auth'),
  oauth2: guarding('tokens are issued by a server of their own, and checked by jwt or oidc'),
  'oauth2-introspection': guarding('tokens are introspected by the policy oidc'),
  'openid-connect': guarding('logins are configured anew: the policy oidc, or jwt for bearers'),
  'jwt-signer': guarding('tokens are checked by jwt, and not signed anew'),
  'mtls-auth': guarding('certificates are asked for by listen.tls.clientAuth, and judged by mtls-auth'),
  'header-cert-auth': guarding('certificates are judged by mtls-auth, where TLS ends'),
  session: guarding('sessions are those of oidc'),
  opa: guarding('another server is asked by forward-auth'),
  'pre-function': guarding('write a policy of your own: docs/writing-policies.md'),
  'post-function': guarding('write a policy of your own: docs/writing-policies.md'),
  'injection-protection': guarding('there is no such filter'),
  'json-threat-protection': guarding('bodies are bounded by size-limit'),
  'xml-threat-protection': guarding('there is no XML'),
  'request-validator': guarding('write the policy validate, with the schema'),
  'oas-validation': guarding('write the policy validate, with the document'),
};
