import { encode, makeSecret, makeToken, pemOf, type SigningKey } from './signing-keys.ts';

export interface BadToken {
  /** `algorithm`, `key`, `claim`, `header` or `encoding`. */
  readonly kind: string;
  readonly about: string;
  readonly token: string;
}

export interface Forge {
  /** The issuer's own. */
  readonly key: SigningKey;
  /** Of the same algorithm, and somebody else's. */
  readonly stranger: SigningKey;
  /** What a good token says. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly nowS: number;
}

const nones = ['none', 'None', 'NONE', 'nOnE', '', 'HS256 ', 'null', 'RS1', 'ES256K', 'RSA1_5', 'dir'];
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'],
  ...['EdDSA', 'Ed25519', 'HS256', 'HS384', 'HS512', 'ML-DSA-44'],
];
/** Two names of one algorithm. */
const alike = new Set(['EdDSA Ed25519', 'Ed25519 EdDSA']);

/** Every defect that one key's tokens can have. */
export function* badTokens(forge: Forge): Generator<BadToken> {
  yield* wrongAlgorithms(forge);
  yield* wrongKeys(forge);
  yield* wrongClaims(forge);
  yield* wrongHeaders(forge);
  yield* wrongEncodings(forge);
}

function* wrongAlgorithms({ key, claims }: Forge): Generator<BadToken> {
  const kind = 'algorithm';
  const [, , signature] = makeToken(key, claims).split('.');
  for (const alg of nones) {
    const signed = `${encode({ alg, kid: key.kid })}.${encode(claims)}`;
    yield { kind, about: `alg "${alg}" without a signature`, token: `${signed}.` };
    yield { kind, about: `alg "${alg}" with one`, token: `${signed}.${signature}` };
  }
  for (const alg of [0, null, true, ['RS256'], { name: key.alg }, undefined])
    yield { kind, about: `alg ${JSON.stringify(alg)}`, token: makeToken(key, claims, { alg }) };
  for (const alg of algorithms) {
    if (alg === key.alg || alike.has(`${alg} ${key.alg}`)) continue;
    yield { kind, about: `${key.alg} called ${alg}`, token: makeToken(key, claims, { alg }) };
  }
  if (key.jwk.kty === 'oct') return;
  // What is public taken for a secret.
  const { kid } = key;
  for (const alg of ['HS256', 'HS384', 'HS512'])
    for (const [what, secret] of [
      ['the PEM', pemOf(key)],
      ['the PEM without its last line end', pemOf(key).trimEnd()],
      ['the JWK', JSON.stringify(key.jwk)],
      ['its modulus', Buffer.from((key.jwk.n ?? key.jwk.x)!, 'base64url')],
      ['nothing', ''],
    ] as const)
      yield {
        kind,
        about: `${alg} with ${what}`,
        token: makeToken(makeSecret(alg, secret), claims, { alg, kid }),
      };
}

function* wrongKeys({ key, stranger, claims }: Forge): Generator<BadToken> {
  const kind = 'key';
  const { kid } = key;
  const good = makeToken(key, claims);
  const [header, payload, signature] = good.split('.') as [string, string, string];
  const bytes = Buffer.from(signature, 'base64url');
  const signedBy = (changed: Buffer) => `${header}.${payload}.${changed.toString('base64url')}`;
  const flipped = Buffer.from(bytes);
  flipped[bytes.length >> 1]! ^= 1;
  yield { kind, about: 'a stranger under its name', token: makeToken(stranger, claims, { kid }) };
  yield { kind, about: 'a stranger under his own', token: makeToken(stranger, claims) };
  yield { kind, about: 'a stranger without a name', token: makeToken(stranger, claims, { kid: undefined }) };
  yield { kind, about: 'a signature of zeros', token: signedBy(Buffer.alloc(bytes.length)) };
  yield { kind, about: 'a signature of ones', token: signedBy(Buffer.alloc(bytes.length, 0xff)) };
  yield { kind, about: 'one bit flipped', token: signedBy(flipped) };
  yield { kind, about: 'one byte less', token: signedBy(bytes.subarray(1)) };
  yield { kind, about: 'one byte more', token: signedBy(Buffer.concat([bytes, Buffer.alloc(1)])) };
  yield { kind, about: 'twice', token: signedBy(Buffer.concat([bytes, bytes])) };
  yield {
    kind,
    about: 'of other claims',
    token: `${header}.${encode({ ...claims, sub: 'root' })}.${signature}`,
  };
  for (const odd of [
    ...[
      '../../../../dev/null',
      '/dev/null',
      'C:\\nul',
      "x' UNION SELECT 'secret'--",
      '__proto__',
      'constructor',
    ],
    ...['', 'x'.repeat(5000), 'a\u0000b', 'https://evil.test/key'],
  ]) {
    if (key.jwk.kty === 'oct') break;
    yield {
      kind,
      about: `kid ${JSON.stringify(odd.slice(0, 40))}`,
      token: makeToken(key, claims, { kid: odd }),
    };
    const secret = makeSecret('HS256', '');
    yield { kind, about: 'the same, by an empty secret', token: makeToken(secret, claims, { kid: odd }) };
  }
  for (const odd of [0, null, true, ['a'], { a: 1 }])
    yield { kind, about: `kid ${JSON.stringify(odd)}`, token: makeToken(key, claims, { kid: odd }) };
  const jwk = { ...stranger.jwk, kid };
  for (const offer of [
    { jwk },
    { jwk, kid: undefined },
    { jku: 'https://evil.test/jwks' },
    { jku: 'https://evil.test/jwks', kid: 'theirs' },
    { x5u: 'https://evil.test/certificate.pem' },
    { x5c: [Buffer.from('certificate').toString('base64')] },
    { x5t: 'AAAA', 'x5t#S256': 'AAAA', kid: undefined },
  ])
    yield {
      kind,
      about: `a stranger who offers ${Object.keys(offer)[0]}`,
      token: makeToken(stranger, claims, { kid, ...offer }),
    };
}

function* wrongClaims({ key, claims, nowS }: Forge): Generator<BadToken> {
  const kind = 'claim';
  const values: Record<string, readonly unknown[]> = {
    iss: [
      undefined,
      null,
      '',
      'https://evil.test',
      [claims['iss']],
      { a: claims['iss'] },
      1,
      `${claims['iss']}/`,
    ],
    aud: [
      undefined,
      null,
      '',
      'other',
      [],
      ['other'],
      1,
      true,
      { aud: claims['aud'] },
      [claims['aud'], 1],
      `${claims['aud']} `,
    ],
    azp: ['evil', 1, null, '', ['web'], 'WEB'],
    client_id: ['evil', 1, null, {}],
    exp: [
      undefined,
      null,
      '',
      String(nowS + 600),
      nowS - 3600,
      0,
      -1,
      -nowS,
      true,
      [nowS + 600],
      {},
      9e15,
      '1e400',
    ],
    nbf: [nowS + 3600, null, String(nowS), -1, true, [], {}, 9e15],
    iat: [nowS + 3600, null, 'yesterday', -1, true, [], {}],
    sub: [1, null, true, ['a'], { a: 1 }],
    jti: [1, null, []],
    verified: [undefined, false, 'no', null, 0, {}, []],
    cnf: [{ jkt: 'AAAA' }, { 'x5t#S256': 'AAAA' }, { jwk: {} }, null, 'x', [], {}],
  };
  for (const [name, list] of Object.entries(values))
    for (const value of list)
      yield {
        kind,
        about: `${name} ${JSON.stringify(value) ?? 'absent'}`,
        token: makeToken(key, { ...claims, [name]: value }),
      };
  // What JSON allows and numbers do not hold.
  const text = JSON.stringify({ ...claims, exp: 0 });
  for (const exp of ['1e400', '-1e400', '1e20'])
    yield { kind, about: `exp ${exp}`, token: makeToken(key, text.replace('"exp":0', `"exp":${exp}`)) };
}

function* wrongHeaders({ key, claims }: Forge): Generator<BadToken> {
  const kind = 'header';
  for (const typ of [
    'logout+jwt',
    'secevent+jwt',
    'dpop+jwt',
    'application/logout+jwt',
    'ID',
    '',
    5,
    null,
    ['JWT'],
    {},
  ])
    yield { kind, about: `typ ${JSON.stringify(typ)}`, token: makeToken(key, claims, { typ }) };
  for (const crit of [['exp'], ['b64'], ['x'], [], 'exp', null, [1], {}])
    yield {
      kind,
      about: `crit ${JSON.stringify(crit)}`,
      token: makeToken(key, claims, { crit, b64: false, exp: 1, x: 1 }),
    };
}

function* wrongEncodings({ key, claims }: Forge): Generator<BadToken> {
  const kind = 'encoding';
  const good = makeToken(key, claims);
  const [header, payload, signature] = good.split('.') as [string, string, string];
  const head = JSON.stringify({ alg: key.alg, kid: key.kid });
  const body = JSON.stringify(claims);
  const raw = (bytes: Buffer) => {
    const signed = `${header}.${bytes.toString('base64url')}`;
    return `${signed}.${key.sign(signed).toString('base64url')}`;
  };
  const tokens: Record<string, string> = {
    'two parts': `${header}.${payload}`,
    'four parts': `${good}.x`,
    'five parts': `${header}.${payload}.${signature}.${header}.${payload}`,
    'a leading dot': `.${good}`,
    'a dot at its end': `${good}.`,
    'no header': `.${payload}.${signature}`,
    'no payload': `${header}..${signature}`,
    'no signature': `${header}.${payload}.`,
    'only dots': '..',
    'no token': 'token',
    padding: `${good}==`,
    'a padded header': `${header}=.${payload}.${signature}`,
    'an unusual letter': `${header}.${payload}!.${signature}`,
    'a percent escape': `${header}%2E${payload}.${signature}`,
    'a letter that decodes to nothing': otherSpelling(good),
    'a letter more': `${good}A`,
    'another alphabet': `${header}.${payload}.+/${signature.slice(2)}`,
    'a plus in the payload': `${header}.+${payload.slice(1)}.${signature}`,
    'a header that is no JSON': makeToken(key, claims, 'none of it'),
    'a header in brackets': makeToken(key, claims, `[${head}]`),
    'a header that is a text': makeToken(key, claims, JSON.stringify(head)),
    'a header that is null': makeToken(key, claims, 'null'),
    'a header with more behind it': makeToken(key, claims, `${head}{}`),
    'a name twice in the header': makeToken(key, claims, head.replace('{', '{"alg":"none",')),
    'the same with an escape': makeToken(key, claims, head.replace('{', '{"\\u0061lg":"none",')),
    'a payload that is no JSON': makeToken(key, 'none of it'),
    'a payload in brackets': makeToken(key, `[${body}]`),
    'a payload that is a text': makeToken(key, JSON.stringify(body)),
    'a payload that is null': makeToken(key, 'null'),
    'a payload that is a number': makeToken(key, '1'),
    'an empty payload': makeToken(key, {}),
    'half a payload': makeToken(key, body.slice(0, -1)),
    'a mark before the payload': makeToken(key, `\ufeff${body}`),
    'a payload in UTF-16': raw(Buffer.from(body, 'utf16le')),
    'bytes that are no UTF-8': raw(Buffer.from(body.replace('{', '{"x":"\u00ff",'), 'latin1')),
    'a payload with NUL behind it': makeToken(key, `${body}\u0000`),
    'more than 16 KiB': makeToken(key, { ...claims, x: 'x'.repeat(16_000) }),
    'brackets without end': makeToken(key, '['.repeat(5000)),
  };
  for (const name of ['iss', 'aud', 'exp', 'sub', 'verified']) {
    const first = makeToken(key, body.replace('{', `{${JSON.stringify(name)}:1,`));
    const last = makeToken(
      key,
      body.replace(/\}$/, `,${JSON.stringify(name)}:${JSON.stringify(claims[name])}}`),
    );
    tokens[`${name} twice, the first wrong`] = first;
    tokens[`${name} twice, both right`] = last;
    tokens[`${name} twice, once escaped`] = makeToken(
      key,
      body.replace('{', `{"\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}":1,`),
    );
  }
  for (const [about, token] of Object.entries(tokens)) yield { kind, about, token };
}

/** The last letter of a signature has bits that no byte needs; with others of them it decodes to the same. */
function otherSpelling(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const signature = token.slice(token.lastIndexOf('.') + 1);
  const spare = signature.length % 4 === 0 ? null : alphabet.indexOf(signature.at(-1)!);
  // A signature that fills its letters has none: then one byte is too many.
  return spare === null ? `${token}AA` : token.slice(0, -1) + alphabet[spare | 1]! + (spare & 1 ? 'A' : '');
}
