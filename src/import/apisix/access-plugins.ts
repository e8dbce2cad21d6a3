import { anywhere, legalName, span, type Piece } from '../draft.ts';
import type { Fields } from '../fields.ts';
import { place } from '../route-parts.ts';
import { guarding, isHeaderName, isPattern } from '../plugin-reader.ts';
import type { Plugin } from './plugin.ts';

const keyAuth: Plugin = (fields, { parts }) => {
  const header = fields.text('header') ?? 'apikey';
  const query = fields.text('query') ?? 'apikey';
  authentication(fields, 'the key');
  const isName = isHeaderName(header);
  if (!isName) fields.notCarried('header', 'expected the name of a header');
  parts.policy(place.authentication, 'key-auth', { headers: [isName ? header : 'apikey'], query });
  fields.close('key-auth');
};

const basicAuth: Plugin = (fields, { parts }) => {
  authentication(fields, 'the password');
  parts.policy(place.authentication, 'basic-auth', {});
  fields.close('basic-auth');
};

/** Each consumer with tokens is an issuer of its own. */
const jwtAuth: Plugin = (fields, at) => {
  const { parts, issuers } = at;
  const header = fields.text('header') ?? 'authorization';
  const query = fields.text('query') ?? 'jwt';
  const cookie = fields.text('cookie') ?? 'jwt';
  const claim = fields.text('key_claim_name') ?? 'key';
  authentication(fields, 'the token');
  if (issuers.length === 0) return guarding('no consumer has jwt-auth')(fields, at);
  if (claim !== 'iss')
    fields.differs('key_claim_name', `tokens say the key of their consumer in "iss", and not in "${claim}"`);
  if (fields.has('store_in_ctx')) fields.notCarried('store_in_ctx', 'there is no such context');
  parts.policy(place.authentication, 'jwt', {
    issuers,
    headers: [isHeaderName(header) ? header : 'authorization'],
    query,
    ...(/^[A-Za-z0-9_-]+$/.test(cookie) ? { cookie } : {}),
  });
  fields.close('jwt');
};

/** What plugins of authentication have in common. */
function authentication(fields: Fields, what: string): void {
  if (fields.flag('hide_credentials') === false)
    fields.differs('hide_credentials', `${what} goes no further than the gateway`);
  if (fields.has('anonymous_consumer'))
    fields.notCarried(
      'anonymous_consumer',
      'calls without a credential are refused; set "optional: true" of the policy',
    );
}

const consumerRestriction: Plugin = (fields, { parts }) => {
  const type = fields.text('type') ?? 'consumer_name';
  const allow = fields.texts('whitelist');
  const deny = fields.texts('blacklist');
  const list = type === 'consumer_name' ? 'consumers' : type === 'consumer_group_id' ? 'groups' : null;
  if (list === null || (!allow && !deny)) {
    parts.unsafe ??= `consumer-restriction by ${type} is not carried over`;
    return fields.restNotCarried(
      `lists by ${type} are not known here; the route answers 501 until it is put right`,
    );
  }
  const named = (names: readonly string[]) => (list === 'consumers' ? names.map(legalName) : names);
  refusal(fields, 403);
  parts.policy(place.access, 'access', {
    ...(allow ? { allow: { [list]: named(allow) } } : {}),
    ...(deny ? { deny: { [list]: named(deny) } } : {}),
  });
  fields.close('access');
};

const ipRestriction: Plugin = (fields, { parts }) => {
  const allow = fields.texts('whitelist');
  const deny = fields.texts('blacklist');
  refusal(fields, 403);
  if (!allow && !deny) return fields.restNotCarried('it names no addresses');
  parts.policy(place.restriction, 'ip-restriction', {
    ...(allow ? { allow } : {}),
    ...(deny ? { deny } : {}),
  });
  fields.close('ip-restriction');
};

/** How it is refused is said in one way here. */
function refusal(fields: Fields, status: number): void {
  for (const key of ['rejected_code', 'response_code']) {
    const own = fields.amount(key);
    if (own !== undefined && own !== status) fields.differs(key, `refused calls get ${status}`);
  }
  for (const key of ['message', 'rejected_msg'])
    if (fields.has(key)) fields.differs(key, 'refusals are problem documents (RFC 9457)');
}

const uaRestriction: Plugin = (fields, { parts }) => {
  const allow = fields.texts('allowlist');
  const deny = fields.texts('denylist');
  const missing = fields.flag('bypass_missing') === true ? 'allow' : 'refuse';
  refusal(fields, 403);
  const [allowed, denied] = [allow?.map(anywhere), deny?.map(anywhere)];
  if ([...(allowed ?? []), ...(denied ?? [])].some((pattern) => !isPattern(pattern))) {
    parts.unsafe ??= 'a pattern of ua-restriction cannot be held against texts in linear time';
    return fields.restNotCarried(`${parts.unsafe}; write it without look-around and back-references`);
  }
  parts.policy(place.restriction, 'header-restriction', {
    headers: {
      'user-agent': {
        ...(allowed ? { allow: allowed } : {}),
        ...(denied ? { deny: denied } : {}),
        missing,
      },
    },
  });
  fields.close('header-restriction');
};

const refererRestriction: Plugin = (fields, { parts }) => {
  const hosts = fields.texts('whitelist');
  const missing = fields.flag('bypass_missing') === true ? 'allow' : 'refuse';
  refusal(fields, 403);
  if (!hosts) {
    parts.unsafe ??= 'referer-restriction by a list of those that are refused is not carried over';
    return fields.restNotCarried('name the hosts that may lead here: header-restriction');
  }
  parts.policy(place.restriction, 'header-restriction', { headers: { referer: { hosts, missing } } });
  fields.close('header-restriction');
};

const cors: Plugin = (fields, { parts }) => {
  const list = (key: string): string[] | null => {
    const text = fields.text(key) ?? '*';
    return text === '*' || text === '**' ? null : text.split(',').map((each) => each.trim());
  };
  const origins = list('allow_origins');
  const methods = list('allow_methods');
  const headers = list('allow_headers');
  const expose = fields.has('expose_headers') ? list('expose_headers') : null;
  const credentials = fields.flag('allow_credential') ?? fields.flag('allow_credentials') ?? false;
  const age = fields.amount('max_age') ?? 5;
  if (headers === null)
    fields.differs(
      'allow_headers',
      'pages may send authorization, content-type, x-api-key and apikey; name others',
    );
  if (credentials && origins === null)
    fields.differs('allow_origins', 'with credentials the origins must be named; none may send them');
  for (const key of ['allow_origins_by_regex', 'allow_origins_by_metadata'])
    if (fields.has(key)) fields.notCarried(key, 'name the origins');
  parts.policy(place.cors, 'cors', {
    origins: origins ?? ['*'],
    methods: (methods ?? ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).filter(isHeaderName),
    headers: (headers ?? ['authorization', 'content-type', 'x-api-key', 'apikey']).filter(isHeaderName),
    ...(expose ? { expose: expose.filter(isHeaderName) } : {}),
    ...(credentials && origins !== null ? { credentials } : {}),
    maxAgeSeconds: Math.min(86_400, Math.floor(age)),
  });
  fields.close('cors');
};

const forwardAuth: Plugin = (fields, at) => {
  const { parts } = at;
  const url = fields.text('uri');
  if (url === undefined || !/^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/.test(url))
    return guarding('who is asked must be an http URL without a query')(fields, at);
  const names = (key: string) => fields.texts(key)?.filter((name) => isHeaderName(name));
  const shown = names('request_headers');
  const upstream = names('upstream_headers');
  const client = names('client_headers');
  const timeout = fields.amount('timeout');
  const settings: Piece = {
    url,
    ...(shown ? { requestHeaders: shown } : {}),
    ...(upstream ? { upstreamHeaders: upstream } : {}),
    ...(client ? { answerHeaders: client } : {}),
    ...(timeout ? { deadline: span(timeout / 1000) } : {}),
  };
  parts.policy(place.identity, 'forward-auth', settings);
  fields.close('forward-auth');
};

export const accessPlugins: Readonly<Record<string, Plugin>> = {
  'key-auth': keyAuth,
  'basic-auth': basicAuth,
  'jwt-auth': jwtAuth,
  'consumer-restriction': consumerRestriction,
  'ip-restriction': ipRestriction,
  'ua-restriction': uaRestriction,
  'referer-restriction': refererRestriction,
  cors,
  'forward-auth': forwardAuth,
  'hmac-auth': guarding('signatures are those of RFC 9421 here (hmac-auth), which clients must make'),
  'openid-connect': guarding('logins are configured anew: the policy oidc, or jwt for bearers'),
  opa: guarding('another server is asked by forward-auth'),
  'wolf-rbac': guarding('who may do what is said by access and its rules'),
  'authz-keycloak': guarding('tokens are checked by jwt, permissions by access'),
  'authz-casbin': guarding('who may do what is said by access and its rules'),
  'authz-casdoor': guarding('logins are configured anew: the policy oidc'),
  'ldap-auth': guarding('there is no LDAP; give consumers passwords, or ask a server by forward-auth'),
  'cas-auth': guarding('there is no CAS; use oidc'),
  'saml-auth': guarding('there is no SAML; use oidc'),
  'multi-auth': guarding('write any-auth with the kinds of credentials'),
  acl: guarding('write access with groups'),
  csrf: guarding('write the policy csrf, with the cookie and the header of the token'),
  'uri-blocker': guarding('write a route for what is blocked, with a static answer of 403'),
  'chaitin-waf': guarding('there is no such filter'),
  workflow: guarding('write policies with "when"'),
};
