/** Tokens that are wrong in some way, and issuers whose keys cannot be had: nobody is let in by either. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { startSimulator } from '../../simulator/server.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { badTokens } from '../identity/bad-tokens.ts';
import { makeKey, makeSecret, makeToken, pemOf, type SigningKey } from '../identity/signing-keys.ts';

const long = process.env['SLUICE_LONG'] !== undefined;
const algorithms = [
  'RS256',
  'PS256',
  'ES256',
  'EdDSA',
  'RS512',
  'PS384',
  'ES384',
  'ES512',
  'Ed25519',
  'RS384',
  'PS512',
];
const issuer = 'https://id.example.test';
const secretIssuer = 'https://secret.example.test';
const nowS = Math.floor(Date.now() / 1000);
const secret = 'a secret of sixty-four bytes, which is what HS512 wants at least';

const keys = algorithms.map((alg) => makeKey(alg, `own-${alg}`));
const strangers = new Map(algorithms.map((alg) => [alg, makeKey(alg, `strange-${alg}`)]));
const postQuantum = makeKey('ML-DSA-44', 'own-ML-DSA-44');
const shared = ['HS256', 'HS384', 'HS512'].map((alg) => makeSecret(alg, secret));

const claimsOf = (iss: string) => ({
  iss,
  aud: 'https://api.example.test',
  sub: 'user-7f3a',
  azp: 'web-app',
  exp: nowS + 3600,
  nbf: nowS - 60,
  iat: nowS - 60,
  verified: true,
});
const claims = claimsOf(issuer);

/** Serves key sets by path, and misbehaves where it is told to. */
class KeyServer {
  readonly sets = new Map<string, SigningKey[]>();
  readonly asked = new Map<string, number>();
  url = '';
  readonly #server: Server = createServer((request, response) => {
    const path = request.url!;
    this.asked.set(path, (this.asked.get(path) ?? 0) + 1);
    if (path === '/slow') return;
    if (path === '/html')
      return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>maintenance</html>');
    if (path === '/error') return void response.writeHead(500).end('{}');
    if (path === '/moved') return void response.writeHead(302, { location: '/jwks' }).end();
    if (path === '/empty') return void response.end('{"keys":[]}');
    if (path === '/secrets')
      return void response.end(JSON.stringify({ keys: [{ ...shared[0]!.jwk, alg: 'HS256' }] }));
    if (path === '/large') return void response.end(`{"keys":[],"x":"${'x'.repeat(10 * 1024 * 1024)}"}`);
    const set = this.sets.get(path) ?? [];
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ keys: set.map(({ jwk }) => jwk) }));
  });
  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const server = new KeyServer();
let gateway: TestGateway;

before(async () => {
  await server.start();
  const simulator = await startSimulator({ port: 0 });
  server.sets.set('/jwks', [...keys, postQuantum]);
  server.sets.set('/flood', keys.slice(0, 1));
  server.sets.set('/rotating', keys.slice(0, 1));
  const usual = {
    issuer,
    audience: claims.aud,
    authorizedParties: ['web-app'],
    requiredClaims: { verified: true },
    project: 'web',
  };
  const route = (name: string, policy: object) => ({
    name,
    match: { path: `/${name}/**` },
    stripPrefix: `/${name}`,
    to: { http: simulator.url },
    policies: [{ jwt: policy }],
  });
  const jwks = (path: string, more: object = {}) => ({
    issuers: [{ ...usual, jwks: server.url + path, ...more }],
  });
  gateway = await startTestGateway({
    simulator,
    config: {
      consumers: { guest: { project: 'web' } },
      limits: { header: '64KiB' },
      routes: [
        route('usual', {
          issuers: [
            { ...usual, jwks: `${server.url}/jwks` },
            { ...usual, issuer: secretIssuer, secret, algorithms: ['HS256', 'HS384', 'HS512'] },
          ],
        }),
        route('pem', { issuers: [{ ...usual, publicKeys: keys.map(pemOf) }] }),
        route('scoped', jwks('/jwks', { scopes: ['orders:write'] })),
        {
          ...route('any', {}),
          policies: [
            {
              'any-auth': {
                any: [
                  { jwt: { ...jwks('/jwks'), cookie: 'token' } },
                  'key-auth',
                  { anonymous: { consumer: 'guest' } },
                ],
              },
            },
          ],
        },
        route('optional', { ...jwks('/jwks'), optional: true }),
        route('elsewhere', { ...jwks('/jwks'), headers: ['x-token'], cookie: 'token', query: 'token' }),
        route('flood', jwks('/flood')),
        route('rotating', jwks('/rotating', { coolDown: 0 })),
        route('slow', jwks('/slow', { timeout: '300ms' })),
        ...['html', 'error', 'moved', 'empty', 'secrets', 'large'].map((name) =>
          route(name, jwks(`/${name}`)),
        ),
        route('down', { issuers: [{ ...usual, jwks: 'http://127.0.0.1:1/jwks' }] }),
        route('tenant', jwks('/jwks', { project: { claim: 'tenant.name' }, groups: { claim: 'roles' } })),
      ],
    },
  });
});
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
  await server.stop();
});

async function call(name: string, headers: Record<string, string>, query = '') {
  const before = gateway.simulator.calls().length;
  const answer = await fetch(`${gateway.url}/${name}/echo/x${query}`, { headers });
  const text = await answer.text();
  const reached = gateway.simulator.calls().length - before;
  return { status: answer.status, challenge: answer.headers.get('www-authenticate'), text, reached };
}
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const invalid =
  /^Bearer realm="sluice", error="invalid_token", error_description="[\x20-\x21\x23-\x5b\x5d-\x7e]+"$/;

describe('security 22: tokens that are wrong', () => {
  test('good ones pass, of every algorithm, by a set of keys, by PEM and by a secret', async () => {
    for (const key of [...keys, postQuantum]) {
      const { status, text } = await call('usual', bearer(makeToken(key, claims)));
      assert.equal(status, 200, `${key.alg}: ${text}`);
    }
    for (const key of shared)
      assert.equal(
        (await call('usual', bearer(makeToken(key, claimsOf(secretIssuer))))).status,
        200,
        key.alg,
      );
    for (const key of keys)
      assert.equal((await call('pem', bearer(makeToken(key, claims)))).status, 200, key.alg);
    for (const header of [
      { typ: 'JWT' },
      { typ: 'at+jwt' },
      { typ: 'application/at+JWT' },
      { kid: undefined },
    ])
      assert.equal((await call('usual', bearer(makeToken(keys[0]!, claims, header)))).status, 200);
    for (const more of [
      { aud: ['other', claims.aud] },
      { exp: nowS + 3600.5 },
      { azp: undefined, client_id: 'web-app' },
    ])
      assert.equal((await call('usual', bearer(makeToken(keys[0]!, { ...claims, ...more })))).status, 200);
  });

  test('bad ones are refused, whatever is wrong: algorithms, keys, claims, headers, encodings', async () => {
    const counts: Record<string, number> = {};
    const forges = [
      ...keys.map((key) => ({ key, stranger: strangers.get(key.alg)!, claims, nowS })),
      ...shared.map((key) => ({
        key,
        stranger: makeSecret(key.alg, 'of somebody else, and as long as it has to be for each of these'),
        claims: claimsOf(secretIssuer),
        nowS,
      })),
    ];
    const all = forges.map((forge) => [...badTokens(forge)]);
    // Each defect with one of the algorithms in turn, and those of algorithms and keys with each third; SLUICE_LONG: all with all.
    const chosen = all.flatMap((list, i) =>
      list.filter(({ kind }, j) => {
        const each = kind === 'algorithm' || kind === 'key' ? 3 : all.length;
        return long || j % each === i % each;
      }),
    );
    for (const { kind, about, token } of chosen) {
      const { status, challenge, text, reached } = await call('usual', bearer(token));
      const what = `${kind}: ${about}: ${status} ${challenge} ${text}`;
      assert.equal(status, 401, what);
      assert.match(challenge ?? '', invalid, what);
      assert.equal(reached, 0, what);
      if (token.length > 20) assert.ok(!text.includes(token) && !challenge!.includes(token), what);
      assert.ok(!/user-7f3a|evil|UNION/.test(text + challenge), what);
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    assert.ok(chosen.length > 500, String(chosen.length));

    for (const kind of ['algorithm', 'key', 'claim', 'header', 'encoding'])
      assert.ok(counts[kind]! >= 10, JSON.stringify(counts));
  });

  test('a token that is changed in any place is refused', async () => {
    const good = makeToken(keys[2]!, claims);
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.';
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: good.length - 1 }),
        fc.constantFrom(...letters),
        fc.constantFrom('replace', 'insert', 'remove', 'swap'),
        async (at, letter, how) => {
          const changed = {
            replace: good.slice(0, at) + letter + good.slice(at + 1),
            insert: good.slice(0, at) + letter + good.slice(at),
            remove: good.slice(0, at) + good.slice(at + 1),
            swap: good.slice(0, at) + (good[at + 1] ?? '') + good[at] + good.slice(at + 2),
          }[how]!;
          if (changed === good) return;
          const { status, challenge } = await call('usual', bearer(changed));
          assert.equal(status, 401, changed);
          assert.match(challenge!, invalid);
        },
      ),
      { numRuns: long ? 5000 : 150 },
    );
  });

  test('a megabyte is refused before it is looked at', async () => {
    const { status } = await call(
      'usual',
      bearer(makeToken(keys[0]!, { ...claims, x: 'x'.repeat(1_000_000) })),
    );
    assert.equal(status, 431);
  });

  test('RFC 6750: without a token no error is named, two of them are 400, a narrow scope is 403', async () => {
    const none = await call('usual', {});
    assert.deepEqual([none.status, none.challenge], [401, 'Bearer realm="sluice"']);
    const good = makeToken(keys[0]!, claims);
    const two = await call('elsewhere', { 'x-token': good }, `?token=${makeToken(keys[1]!, claims)}`);
    assert.equal(two.status, 400);
    assert.match(two.challenge!, /error="invalid_request"/);
    const narrow = await call('scoped', bearer(makeToken(keys[0]!, { ...claims, scope: 'orders:read' })));
    assert.equal(narrow.status, 403);
    assert.match(narrow.challenge!, /error="insufficient_scope".*scope="orders:write"$/);
    const wide = makeToken(keys[0]!, { ...claims, scope: 'orders:read orders:write' });
    assert.equal((await call('scoped', bearer(wide))).status, 200);
    assert.equal(
      (await call('usual', { authorization: `Basic ${Buffer.from('a:b').toString('base64')}` })).status,
      401,
    );
  });

  test('where a token is optional, a wrong one is refused all the same', async () => {
    assert.equal((await call('optional', {})).status, 200);
    for (const token of [
      'x',
      makeToken(strangers.get('RS256')!, claims),
      makeToken(keys[0]!, { ...claims, exp: 1 }),
    ])
      assert.equal((await call('optional', bearer(token))).status, 401);
    assert.equal((await call('optional', { authorization: 'Basic YTpi' })).status, 401);
  });

  test('where a key or nothing will do as well, a wrong token is neither', async () => {
    const good = makeToken(keys[0]!, claims);
    const wrong = makeToken(strangers.get('RS256')!, claims);
    for (const headers of [bearer(good), { cookie: `token=${good}` }, bearer(testKey), {}] as Record<
      string,
      string
    >[])
      assert.equal((await call('any', headers)).status, 200, JSON.stringify(headers));
    for (const headers of [
      ...[bearer(wrong), { cookie: `token=${wrong}` }, { cookie: 'token=x' }, bearer('sk-wrong')],
      ...[{ ...bearer(testKey), cookie: `token=${wrong}` }, { authorization: 'Basic YTpi' }],
    ] as Record<string, string>[])
      assert.ok([400, 401].includes((await call('any', headers)).status), JSON.stringify(headers));
  });

  test('a token goes no further, from wherever it came, and other cookies and parameters do', async () => {
    const token = makeToken(keys[0]!, claims);
    for (const [headers, query] of [
      [{ 'x-token': token }, '?a=b'],
      [{ 'x-token': `Bearer ${token}` }, '?a=b'],
      [{ cookie: `a=b; token=${token}` }, '?a=b'],
      [{}, `?token=${token}&a=b`],
    ] as [Record<string, string>, string][]) {
      const { status, text } = await call('elsewhere', headers, query);
      assert.equal(status, 200);
      assert.ok(!text.includes(token.slice(0, 30)), text);
      assert.equal((JSON.parse(text) as { url: string }).url, '/echo/x?a=b');
      if (headers['cookie']) assert.equal(gateway.simulator.calls().at(-1)!.requestHeaders!['cookie'], 'a=b');
    }
  });

  test('nobody is in a project that is not configured, and no name of an object is one', async () => {
    const of = (tenant: unknown) => bearer(makeToken(keys[0]!, { ...claims, tenant, roles: ['a', 'b'] }));
    assert.equal((await call('tenant', of({ name: 'web' }))).status, 200);
    for (const tenant of [
      undefined,
      { name: 'other' },
      { name: '__proto__' },
      { name: 'constructor' },
      { name: ['web', 'x'] },
      'web',
      { name: 1 },
    ]) {
      const { status, text } = await call('tenant', of(tenant));
      assert.equal(status, 403, JSON.stringify(tenant));
      assert.equal((JSON.parse(text) as { code: string }).code, 'auth/unknown-consumer');
    }
  });
});

describe('security 23: keys of an issuer that cannot be had', () => {
  const good = () => bearer(makeToken(keys[0]!, claims));
  for (const [name, why] of [
    ['down', /could not be had/],
    ['slow', /could not be had/],
    ['html', /answered with text\/html, which is not JSON/],
    ['error', /answered 500/],
    ['moved', /answered 302/],
    ['large', /larger than 262144 bytes/],
    ['empty', /no key that can verify/],
    ['secrets', /no key that can verify/],
  ] as const)
    test(`${name}: nobody is let in, and is told to come again`, async () => {
      const answers = await Promise.all([call(name, good()), call(name, good()), call(name, {})]);
      for (const { status, text, reached } of answers.slice(0, 2)) {
        assert.equal(status, 503, text);
        assert.match(text, why);
        assert.equal(reached, 0);
      }
      assert.equal(answers[2]!.status, 401);
      assert.ok((server.asked.get(`/${name}`) ?? 0) <= 2, 'however many ask, it is fetched once at a time');
    });

  test('rotating: a new key is found at once, and one that is gone verifies nothing, not even what it has', async () => {
    const [old, next] = keys as [SigningKey, SigningKey];
    const first = bearer(makeToken(old, claims));
    assert.equal((await call('rotating', first)).status, 200);
    assert.equal((await call('rotating', first)).status, 200);
    assert.equal(server.asked.get('/rotating'), 1);
    server.sets.set('/rotating', [next]);
    assert.equal((await call('rotating', bearer(makeToken(next, claims)))).status, 200);
    assert.equal((await call('rotating', first)).status, 401);
  });

  test('a flood of names of keys that do not exist: they are asked for once, and others go on', async () => {
    assert.equal((await call('flood', good())).status, 200);
    const flood = Array.from({ length: 200 }, (_, i) =>
      call('flood', bearer(makeToken(keys[0]!, { ...claims, jti: String(i) }, { kid: `random-${i}` }))),
    );
    const among = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        call('flood', bearer(makeToken(keys[0]!, { ...claims, jti: `good-${i}` }))),
      ),
    );
    assert.ok(among.every(({ status }) => status === 200));
    assert.ok((await Promise.all(flood)).every(({ status }) => status === 401));
    assert.equal(server.asked.get('/flood'), 1, 'they have just been fetched');
  });
});
