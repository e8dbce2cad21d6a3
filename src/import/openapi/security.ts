import { isObject } from '#core/read-json.ts';
import type { ReportBuilder, SourcePath } from '../report.ts';

type Members = Readonly<Record<string, unknown>>;
type PolicyEntry = Record<string, unknown>;

/** The project and team that tokens stand for; there is no word of them in a description. */
export const project = 'imported';

/** What calls must prove, as policies. */
export class Security {
  readonly #schemes = new Map<string, PolicyEntry | null>();
  readonly #report: ReportBuilder;
  /** Does anything stand for the project? */
  usesProject = false;

  constructor({ components }: Members, report: ReportBuilder) {
    this.#report = report;
    const schemes = isObject(components) ? components['securitySchemes'] : undefined;
    for (const [name, scheme] of Object.entries(isObject(schemes) ? schemes : {})) {
      const at = ['components', 'securitySchemes', name];
      if (isObject(scheme)) this.#schemes.set(name, this.#policyOf(scheme, at));
      else report.notCarried(at, 'is no security scheme');
    }
  }

  /** Of an operation, or of the whole document. Null: nothing is asked for, or an empty choice is among them. */
  policiesOf(owner: Members, otherwise: Members, at: SourcePath): PolicyEntry[] {
    const own = owner['security'];
    const wanted = Array.isArray(own) ? (own as unknown[]) : otherwise['security'];
    if (Array.isArray(own)) this.#report.carried([...at, 'security'], 'policies');
    const choices = Array.isArray(wanted) ? (wanted as unknown[]).filter(isObject) : [];
    if (choices.length === 0) return [];
    if (choices.some((choice) => Object.keys(choice).length === 0)) {
      this.#report.differs(
        [...at, 'security'],
        'who shows no credential passes, as nobody; one that is shown is not looked at',
      );
      return [];
    }
    const alternatives = choices.map((choice) =>
      Object.keys(choice).map((name) => this.#schemes.get(name) ?? null),
    );
    if (alternatives.flat().includes(null)) {
      this.#report.differs(
        [...at, 'security'],
        'not all of it can be carried over: key-auth stands in, so that it is not open',
      );
      return [{ 'key-auth': {} }];
    }
    const scopes = choices
      .flatMap((choice) => Object.values(choice))
      .some((each) => Array.isArray(each) && each.length > 0);
    if (scopes)
      this.#report.differs(
        [...at, 'security'],
        'scopes are not asked for; add a rule of "access" over claims.scope',
      );
    if (alternatives.length === 1) return alternatives[0] as PolicyEntry[];
    if (alternatives.some((all) => all.length > 1))
      this.#report.differs([...at, 'security'], 'of several that are needed together any one will do');
    return [{ 'any-auth': { any: alternatives.flat() } }];
  }

  #policyOf(scheme: Members, at: SourcePath): PolicyEntry | null {
    const { type } = scheme;
    const authorizer = scheme['x-amazon-apigateway-authorizer'];
    if (isObject(authorizer)) return this.#authorizer(authorizer, at);
    if (type === 'apiKey') return this.#apiKey(scheme, at);
    if (type === 'http' && String(scheme['scheme']).toLowerCase() === 'basic') {
      this.#report.carried(at, 'basic-auth: give consumers their "basic" user and password');
      return { 'basic-auth': {} };
    }
    if (type === 'openIdConnect' && typeof scheme['openIdConnectUrl'] === 'string') {
      const issuer = scheme['openIdConnectUrl'].replace(/\/\.well-known\/openid-configuration$/, '');
      return this.#jwt({ issuer, audience: null }, at);
    }
    this.#report.notCarried(
      at,
      `says too little: who issues the tokens is not written there; use jwt with its issuer`,
    );
    return null;
  }

  #apiKey({ in: place, name }: Members, at: SourcePath): PolicyEntry | null {
    const isName = typeof name === 'string' && /^[A-Za-z0-9-]+$/.test(name);
    if (place === 'header' && isName) {
      this.#report.carried(at, `key-auth by the header ${name}; make keys, or bring them by their SHA-256`);
      return { 'key-auth': { headers: [name.toLowerCase()] } };
    }
    if (place === 'query' && typeof name === 'string' && name !== '') {
      this.#report.carried(
        at,
        `key-auth by the parameter ${name}; make keys, or bring them by their SHA-256`,
      );
      return { 'key-auth': { query: name } };
    }
    this.#report.notCarried(at, 'keys come in headers or in the query');
    return null;
  }

  #authorizer(authorizer: Members, at: SourcePath): PolicyEntry | null {
    const { type, jwtConfiguration, providerARNs } = authorizer;
    if (type === 'jwt' && isObject(jwtConfiguration) && typeof jwtConfiguration['issuer'] === 'string') {
      const { issuer, audience } = jwtConfiguration;
      const list = Array.isArray(audience) ? audience.filter((each) => typeof each === 'string') : [];
      return this.#jwt({ issuer, audience: list.length > 0 ? list : null }, at);
    }
    const [arn] = Array.isArray(providerARNs) ? (providerARNs as unknown[]) : [];
    const pool =
      typeof arn === 'string' ? /^arn:aws:cognito-idp:([a-z0-9-]+):\d+:userpool\/(\w+)$/.exec(arn) : null;
    if (type === 'cognito_user_pools' && pool)
      return this.#jwt(
        { issuer: `https://cognito-idp.${pool[1]}.amazonaws.com/${pool[2]}`, audience: null },
        at,
      );
    this.#report.notCarried(
      at,
      'an authorizer that is code: ask it by forward-auth, or write a policy of your own',
    );
    return null;
  }

  #jwt(
    { issuer, audience }: { issuer: string; audience: string[] | null },
    at: SourcePath,
  ): PolicyEntry | null {
    if (!/^https:\/\/[^\s"]+$/.test(issuer) || !URL.canParse(issuer)) {
      this.#report.notCarried(at, 'its issuer is no https URL');
      return null;
    }
    this.usesProject = true;
    if (audience === null)
      this.#report.differs(
        at,
        `jwt of ${issuer}; for whom its tokens are is not written there: set the variable`,
      );
    else this.#report.carried(at, `jwt of ${issuer}`);
    const told =
      audience ?? this.#report.secret('TOKEN_AUDIENCE', `whom the tokens of ${issuer} are for (aud)`);
    return { jwt: { issuers: [{ issuer, audience: told, project }] } };
  }
}
