/** Browsers and programs that come by way of a real OpenID provider, and everybody who tries to come beside it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startSimulator } from '../../simulator/server.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { Browser, request, type Page } from '../identity/browser.ts';
import { startOpenIdProvider, type OpenIdServer } from '../identity/openid-provider.ts';
import { makeKey } from '../identity/signing-keys.ts';

const api = 'https://api.example.test';
const opaque = 'https://api.example.test/opaque';
const signing = { es: makeKey('ES256', 'provider-es'), rs: makeKey('RS256', 'provider-rs') };
const secret = 'a secret of a test, which is long enough';

let provider: OpenIdServer;
let gateway: TestGateway;

/** A route below a name, with a session of its own. */
const browserRoute = (name: string, to: string, more: object = {}) => ({
  name,
  match: { path: `/${name}/**` },
  stripPrefix: `/${name}`,
  to: { http: to },
  policies: [
    {
      oidc: {
        issuer: provider.issuer,
        clientId: 'web',
        clientSecret: 'web-secret',
        scopes: ['openid', 'offline_access'],
        secret,
        cookie: `session_${name}`,
        callback: `/${name}/callback`,
        logout: `/${name}/logout`,
        afterLogout: '/open/echo/bye',
        project: { claim: 'tenant' },
        groups: { claim: 'groups' },
        timeout: '2s',
        ...more,
      },
    },
  ],
});

before(async () => {
  const accounts = {
    ann: { tenant: 'web', groups: ['staff', 'editors'] },
    bob: { tenant: 'web' },
    eve: { tenant: 'nowhere' },
    long: { tenant: 'web', padding: 'p'.repeat(6000) },
    endless: { tenant: 'web', padding: 'p'.repeat(60_000) },
  };
  const keys = [signing.rs, signing.es].map(({ jwk, privateJwk }) => ({ ...privateJwk, ...jwk }));
  provider = await startOpenIdProvider({
    keys,
    accounts,
    lifeOf: (client) => (client === 'brief' ? 5 : 3600),
  });
  const simulator = await startSimulator({ port: 0 });
  const bearer = { audience: opaque, verify: 'introspection' };
  gateway = await startTestGateway({
    simulator,
    threads: 2,
    config: {
      limits: { header: '64KiB' },
      routes: [
        browserRoute('app', simulator.url),
        browserRoute('brief', simulator.url, { clientId: 'brief' }),
        browserRoute('down', simulator.url, { issuer: 'http://127.0.0.1:1' }),
        browserRoute('asked', simulator.url, { bearer: { ...bearer, cache: 0 }, timeout: '500ms' }),
        browserRoute('cached', simulator.url, { bearer: { ...bearer, cache: '1min' } }),
        browserRoute('signed', simulator.url, { bearer: { audience: api, scopes: ['orders:read'] } }),
        {
          name: 'jwt',
          match: { path: '/jwt/**' },
          stripPrefix: '/jwt',
          to: { http: simulator.url },
          policies: [{ jwt: { issuers: [{ issuer: provider.issuer, audience: api, project: 'web' }] } }],
        },
        {
          name: 'open',
          match: { path: '/open/**' },
          stripPrefix: '/open',
          to: { http: simulator.url },
          policies: [],
        },
      ],
    },
  });
  const grants = ['authorization_code', 'refresh_token'];
  const client = (id: string, name: string) => ({
    client_id: id,
    client_secret: `${id}-secret`,
    redirect_uris: [`${gateway.url}/${name}/callback`],
    post_logout_redirect_uris: [`${gateway.url}/open/echo/bye`],
    grant_types: grants,
    response_types: ['code'],
  });
  provider.serve([
    client('web', 'app'),
    { ...client('brief', 'brief'), client_secret: 'web-secret' },
    {
      client_id: 'machine',
      client_secret: 'machine-secret',
      redirect_uris: [],
      grant_types: ['client_credentials'],
      response_types: [],
    },
  ]);
});
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
  await provider.stop();
});

/** Logs in at the provider's own pages, and comes back to what was asked for. */
async function logIn(browser: Browser, login: string, place = '/app/echo/x?a=b'): Promise<Page> {
  const asked = await browser.open(gateway.url + place);
  assert.ok(asked.url.startsWith(`${provider.issuer}/interaction/`), asked.way.join(' → '));
  const consent = await browser.submit(asked, { login, password: 'any' });
  return browser.submit(consent, {});
}

/** As far as the provider's word goes: where the browser is sent back to, without going there. */
async function comeBack(browser: Browser, login: string): Promise<string> {
  const asked = await browser.open(`${gateway.url}/app/echo/x`);
  const page = await browser.submit(asked, { login, password: 'any' });
  const action = /<form[^>]*action="([^"]+)"/.exec(page.text)![1]!;
  let next = new URL(action, page.url).href;
  let answer = await browser.send(next, { method: 'POST', body: new URLSearchParams({ prompt: 'consent' }) });
  for (let hops = 0; hops < 10; hops++) {
    next = new URL(answer.headers.get('location')!, next).href;
    if (next.startsWith(gateway.url)) return next;
    answer = await browser.send(next);
  }
  assert.fail(`the provider leads to ${next}`);
}

const asProgram = (browser: Browser, place: string) => browser.send(gateway.url + place);
const codeOf = async (answer: Response) => ((await answer.json()) as { code: string }).code;
const echoed = (text: string) => JSON.parse(text) as { url: string; rawHeaders: string[] };

describe('a browser', () => {
  test('logs in by way of the provider, and is what it was asked for', async () => {
    const browser = new Browser();
    const page = await logIn(browser, 'ann');
    assert.equal(page.status, 200, page.text);
    assert.equal(page.url, `${gateway.url}/app/echo/x?a=b`);
    const { url, rawHeaders } = echoed(page.text);
    assert.equal(url, '/echo/x?a=b');
    assert.ok(!rawHeaders.join().includes('session_app'), 'the session goes no further');
    for (const { line, name } of browser.cookies(gateway.url)) {
      assert.match(line, /; HttpOnly; SameSite=Lax$/, name);
      assert.ok(line.length <= 4096, `${name} has ${line.length}`);
    }
    const before = [...provider.asked.values()].reduce((sum, n) => sum + n, 0);
    for (let i = 0; i < 10; i++) assert.equal((await asProgram(browser, '/app/echo/y')).status, 200);
    assert.equal(
      [...provider.asked.values()].reduce((sum, n) => sum + n, 0),
      before,
      'nobody is asked again',
    );
  });

  test('keeps long sessions in several cookies, and none that are longer than browsers keep', async () => {
    const browser = new Browser();
    assert.equal((await logIn(browser, 'long')).status, 200);
    const names = browser.cookies(gateway.url).map(({ name }) => name);
    assert.ok(names.includes('session_app') && names.includes('session_app.2'), names.join());
    browser.setCookie(gateway.url, 'session_app.1', 'x');
    assert.equal((await asProgram(browser, '/app/echo/y')).status, 401);
    assert.equal((await logIn(new Browser(), 'endless')).status, 500);
  });

  test('is nobody here where its project is none of the configuration', async () => {
    const browser = new Browser();
    const page = await logIn(browser, 'eve');
    assert.equal(page.status, 403);
    assert.match(page.text, /auth\/unknown-consumer/);
    assert.equal((await asProgram(browser, '/app/echo/y')).status, 401);
  });

  test('without a session only a page leads to the provider; all else is 401', async () => {
    const page = await request(`${gateway.url}/app/echo/x`, { headers: { accept: 'text/html' } });
    assert.equal(page.status, 302);
    assert.equal(page.headers.get('cache-control'), 'no-store');
    const place = new URL(page.headers.get('location')!);
    assert.equal(place.origin, provider.issuer);
    for (const [name, value] of [
      ['response_type', 'code'],
      ['code_challenge_method', 'S256'],
      ['client_id', 'web'],
      ['redirect_uri', `${gateway.url}/app/callback`],
    ])
      assert.equal(place.searchParams.get(name!), value);
    for (const name of ['state', 'nonce', 'code_challenge'])
      assert.ok(place.searchParams.get(name)!.length >= 40, name);
    const inits: { method?: string; headers?: Record<string, string> }[] = [
      {},
      { headers: { accept: 'application/json' } },
      { headers: { accept: 'text/html', 'sec-fetch-mode': 'cors' } },
      { method: 'POST', headers: { accept: 'text/html' } },
    ];
    for (const init of inits) {
      const answer = await request(`${gateway.url}/app/echo/x`, init);
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="sluice"');
    }
  });

  test('logs out here and at the provider, and no other site does it for it', async () => {
    const browser = new Browser();
    await logIn(browser, 'bob');
    await browser.open(`${gateway.url}/app/logout`, { site: 'cross-site' });
    assert.equal((await asProgram(browser, '/app/echo/y')).status, 200);
    const asked = await browser.open(`${gateway.url}/app/logout`, { site: 'same-origin' });
    assert.ok(asked.url.startsWith(`${provider.issuer}/session/end`), asked.way.join(' → '));
    const page = await browser.submit(asked, { logout: 'yes' });
    assert.equal(page.url, `${gateway.url}/open/echo/bye`);
    assert.equal((await asProgram(browser, '/app/echo/y')).status, 401);
    assert.equal(provider.asked.get('/token/revocation'), 1, 'what the session lived on is worth nothing');
    const again = await browser.open(`${gateway.url}/app/echo/x`);
    assert.ok(again.url.startsWith(`${provider.issuer}/interaction/`), 'the provider asks anew');
  });

  test('renews its session once, however much a page asks for at once, over all threads', async (t) => {
    t.after(() => (provider.outage = null));
    const browser = new Browser();
    const place = '/brief/echo/x';
    assert.equal((await logIn(browser, 'ann', place)).status, 200);
    const cookie = browser
      .cookies(gateway.url)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const before = provider.asked.get('/token')!;
    const answers = await Promise.all(
      Array.from({ length: 30 }, () =>
        fetch(gateway.url + place, { headers: { cookie, connection: 'close' } }),
      ),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.equal(provider.asked.get('/token')! - before, 1);
    // With the session it was given it is renewed again, by the next token.
    const next = answers[0]!.headers
      .getSetCookie()
      .map((line) => line.split(';')[0]!)
      .join('; ');
    assert.equal((await fetch(gateway.url + place, { headers: { cookie: next } })).status, 200);
    assert.equal(provider.asked.get('/token')! - before, 2);
    const last = (await fetch(gateway.url + place, { headers: { cookie: next } })).headers.getSetCookie();
    const headers = { cookie: last.map((line) => line.split(';')[0]!).join('; ') };
    provider.outage = { path: '/token', status: 503 };
    assert.equal(
      (await fetch(gateway.url + place, { headers })).status,
      503,
      'nobody is let in by what is not known',
    );
    provider.outage = {
      path: '/token',
      status: 400,
      type: 'application/json',
      body: '{"error":"invalid_grant"}',
    };
    assert.equal((await fetch(gateway.url + place, { headers })).status, 401);
    provider.outage = null;
  });

  test('is not led anywhere while the provider is away', async () => {
    const answer = await request(`${gateway.url}/down/echo/x`, {
      headers: { accept: 'text/html' },
    });
    assert.equal(answer.status, 503);
    assert.equal(await codeOf(answer), 'auth/unavailable');
  });
});

describe('security 24: logins that are not what was begun', () => {
  const refused = async (answer: Response) => {
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.getSetCookie().length, 0, 'there is no session');
    assert.equal(await codeOf(answer), 'auth/login-failed');
  };

  test("a login that another browser began is none of this one's", async () => {
    const back = await comeBack(new Browser(), 'eve');
    await refused(await new Browser().send(back));
    const victim = new Browser();
    await victim.open(`${gateway.url}/app/echo/x`);
    await refused(await victim.send(back));
  });

  test("a code of one login under another one's state", async () => {
    const attacker = new URL(await comeBack(new Browser(), 'bob'));
    const victim = new Browser();
    const own = new URL(await comeBack(victim, 'ann'));
    own.searchParams.set('code', attacker.searchParams.get('code')!);
    await refused(await victim.send(own.href));
  });

  test('the same way back twice', async () => {
    const browser = new Browser();
    const back = await comeBack(browser, 'ann');
    const login = browser.cookies(gateway.url).find(({ name }) => name.startsWith('session_app_login_'))!;
    assert.match(login.line, /; Path=\/app\/callback; /);
    assert.equal((await browser.send(back)).status, 302);
    await refused(await browser.send(back));
    browser.setCookie(gateway.url, login.name, login.value, '/app/callback');
    await refused(await browser.send(back));
  });

  test('state, code, issuer and cookie changed, missing or doubled', async () => {
    const begun = async () => {
      const browser = new Browser();
      return { browser, back: new URL(await comeBack(browser, 'ann')) };
    };
    const changes: ((back: URL) => void)[] = [
      (back) => back.searchParams.set('state', `${back.searchParams.get('state')!}x`),
      (back) => back.searchParams.delete('state'),
      (back) => back.searchParams.append('state', back.searchParams.get('state')!),
      (back) => back.searchParams.set('code', 'guessed'),
      (back) => back.searchParams.delete('code'),
      (back) => back.searchParams.set('iss', 'https://evil.test'),
      (back) => back.searchParams.set('error', 'access_denied'),
    ];
    for (const change of changes) {
      const { browser, back } = await begun();
      change(back);
      await refused(await browser.send(back.href));
    }
    const { browser, back } = await begun();
    const login = browser.cookies(gateway.url).find(({ name }) => name.startsWith('session_app_login_'))!;
    browser.setCookie(gateway.url, login.name, login.value.replace(/.{5}$/, 'AAAAA'), '/app/callback');
    await refused(await browser.send(back.href));
    await refused(await new Browser().send(`${gateway.url}/app/callback`));
    await refused(await new Browser().send(`${gateway.url}/app/callback?code=a&state=b`));
  });

  test('a session that was made up, changed, or belongs to another route', async () => {
    const browser = new Browser();
    await logIn(browser, 'ann');
    const { value } = browser.cookies(gateway.url).find(({ name }) => name === 'session_app')!;
    const status = async (name: string, sealed: string, place = '/app/echo/x') =>
      (await fetch(gateway.url + place, { headers: { cookie: `${name}=${sealed}` } })).status;
    assert.equal(await status('session_app', value), 200);
    for (const odd of [
      '',
      'x',
      '1~',
      '1~x',
      '9~x',
      `2${value.slice(1)}`,
      `${value}x`,
      value.slice(0, -3),
      value.replace('1~e', '1~f'),
    ])
      assert.equal(await status('session_app', odd), 401, odd.slice(0, 20));
    const middle = value.length >> 1;
    const changed = value.slice(0, middle) + (value[middle] === 'A' ? 'B' : 'A') + value.slice(middle + 1);
    assert.equal(await status('session_app', changed), 401);
    assert.equal(await status('session_brief', value, '/brief/echo/x'), 401);
    const twice = await fetch(`${gateway.url}/app/echo/x`, {
      headers: { cookie: `session_app=${value}; session_app=${value}` },
    });
    assert.equal(twice.status, 401);
  });

  test('nobody is led to another host after a login', async () => {
    for (const place of ['//evil.test/app', '/\\evil.test/app', '/app//evil.test', '/app/%2F%2Fevil.test']) {
      const answer = await request(gateway.url + place, { headers: { accept: 'text/html' } });
      if (answer.status === 302)
        assert.equal(new URL(answer.headers.get('location')!).origin, provider.issuer, place);
      else assert.ok([400, 404].includes(answer.status), `${place}: ${answer.status}`);
    }
  });
});

async function tokenFor(resource: string): Promise<string> {
  const answer = await fetch(`${provider.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from('machine:machine-secret').toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'orders:read', resource }),
  });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  return token;
}

const withToken = (name: string, token: string) =>
  fetch(`${gateway.url}/${name}/echo/x`, { headers: { authorization: `Bearer ${token}` } });

describe('a program', () => {
  test('brings a signed token of the provider, found out by its metadata', async () => {
    const token = await tokenFor(api);
    assert.equal(token.split('.').length, 3);
    for (const name of ['signed', 'jwt']) {
      const answer = await withToken(name, token);
      assert.equal(answer.status, 200, await answer.text());
    }
    const other = await tokenFor('https://other.example.test');
    for (const name of ['signed', 'jwt']) assert.equal((await withToken(name, other)).status, 401);
  });

  test('brings one that says nothing, and the provider is asked once', async () => {
    const token = await tokenFor(opaque);
    const before = provider.asked.get('/token/introspection') ?? 0;
    const answers = await Promise.all(Array.from({ length: 5 }, () => withToken('cached', token)));
    for (const answer of answers) assert.equal(answer.status, 200, await answer.text());
    assert.ok(provider.asked.get('/token/introspection')! - before <= 2, 'once in each thread');
  });
});

describe('security 24: tokens that the provider is asked about', () => {
  test('what is not active, or for another audience, is refused', async () => {
    const plain = await tokenFor('https://other.example.test/opaque');
    for (const token of ['guessed', 'x'.repeat(3000), plain]) {
      const answer = await withToken('asked', token);
      assert.equal(answer.status, 401);
      assert.match(
        answer.headers.get('www-authenticate')!,
        /^Bearer realm="sluice", error="invalid_token", /,
      );
      assert.ok(!(await answer.text()).includes(token));
    }
  });

  test('a provider that is silent, broken or says something else lets nobody in', async (t) => {
    t.after(() => (provider.outage = null));
    const token = await tokenFor(opaque);
    assert.equal((await withToken('asked', token)).status, 200);
    for (const outage of [
      { status: 'silence' as const },
      { status: 500 },
      { status: 200 },
      { status: 200, type: 'application/json', body: '{"active":"true"}' },
      { status: 200, type: 'application/json', body: '[]' },
      { status: 401, type: 'application/json', body: '{"error":"invalid_client"}' },
    ]) {
      provider.outage = { path: '/token/introspection', ...outage };
      const answer = await withToken('asked', token);
      assert.ok([401, 503].includes(answer.status), `${JSON.stringify(outage)}: ${answer.status}`);
      if (outage.body !== '{"active":"true"}') assert.equal(answer.status, 503, JSON.stringify(outage));
    }
    provider.outage = null;
    assert.equal((await withToken('asked', token)).status, 200);
  });

  test('a token that was revoked is taken for as long as its answer is kept, and no longer', async () => {
    const token = await tokenFor(opaque);
    assert.equal((await withToken('asked', token)).status, 200);
    // On both threads.
    for (let i = 0; i < 8; i++) assert.equal((await withToken('cached', token)).status, 200);
    const revoked = await fetch(`${provider.issuer}/token/revocation`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from('machine:machine-secret').toString('base64')}` },
      body: new URLSearchParams({ token }),
    });
    assert.equal(revoked.status, 200);
    assert.equal((await withToken('asked', token)).status, 401);
    assert.equal((await withToken('cached', token)).status, 200);
  });
});
