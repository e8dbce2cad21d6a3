/** People sign in to the admin API at a real OpenID provider, by a browser. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from '../harness/browser.ts';
import { standardConfig, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { startOpenIdProvider, type OpenIdProvider } from '../harness/openid-provider.ts';

let provider: OpenIdProvider;
let gateway: TestGateway;
const callback = () => `${gateway.adminUrl}/v1/session/callback`;
const admin = (more: object) => ({
  port: 0,
  users: { 'ada@example.org': { roles: [{ role: 'operator' }] } },
  oidc: {
    issuer: provider.issuer,
    clientId: 'sluice',
    clientSecret: 'of-the-client-0123456789',
    roles: { 'shop-developers': [{ role: 'developer', team: 'red' }], auditors: [{ role: 'auditor' }] },
    ...more,
  },
});

before(async () => {
  provider = await startOpenIdProvider({
    ada: { email: 'ada@example.org', email_verified: true, name: 'Ada' },
    mallory: { email: 'ada@example.org', email_verified: false, name: 'Mallory' },
    dev: { email: 'dev@example.org', email_verified: true, groups: ['shop-developers', 'others'] },
    nobody: { email: 'nobody@example.org', email_verified: true, groups: ['constructor'] },
  });
  gateway = await startTestGateway({ config: { admin: admin({}) } });
  provider.register({ id: 'sluice', secret: 'of-the-client-0123456789', redirectUris: [callback()] });
});
after(async () => {
  await gateway.stop();
  await provider.close();
});

/** Signs in at the provider up to where that sends the browser back to. */
async function comeBack(browser: Browser, name: string, returnTo = ''): Promise<string> {
  const query = returnTo && `?returnTo=${encodeURIComponent(returnTo)}`;
  const login = await browser.open(`${gateway.adminUrl}/v1/session/sign-in${query}`);
  assert.equal(login.status, 200, login.text);
  const action = (page: { text: string; url: string }) =>
    new URL(/<form[^>]* action="([^"]+)"/.exec(page.text)![1]!, page.url).href;
  const consent = await browser.open(action(login), {
    form: { prompt: 'login', login: name, password: 'any' },
    upTo: callback(),
  });
  if (consent.location !== null) return consent.location;
  const led = await browser.open(action(consent), { form: { prompt: 'consent' }, upTo: callback() });
  assert.ok(led.location, led.text);
  return led.location;
}

async function signIn(name: string): Promise<Browser> {
  const browser = new Browser();
  const back = await browser.open(await comeBack(browser, name, '/v1/session?x'), { upTo: gateway.adminUrl });
  assert.equal(back.location, `${gateway.adminUrl}/v1/session?x`, back.text);
  return browser;
}

async function ask(browser: Browser, line: string, headers: Record<string, string> = {}, body?: object) {
  const [method, path] = line.split(' ') as [string, string];
  const answer = await fetch(gateway.adminUrl + path, {
    method,
    headers: {
      cookie: browser.cookies(gateway.adminUrl),
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...headers,
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await answer.text();
  const json: any = text ? JSON.parse(text) : null; // oxlint-disable-line no-explicit-any
  return { status: answer.status, json, text };
}

test('a user of the configuration signs in, works, and signs out', async () => {
  const ada = await signIn('ada');
  const cookies = ada.cookies(gateway.adminUrl);
  assert.match(cookies, /^sluice-session=sluice-session-[0-9A-Za-z]{32}$/);
  const session = (await ask(ada, 'GET /v1/session')).json;
  assert.deepEqual(
    [session.id, session.name, session.via],
    ['user:ada@example.org', 'ada@example.org', 'oidc'],
  );
  assert.deepEqual(session.roles, [{ role: 'operator', team: null }]);
  assert.ok(Math.abs(session.expiresAtMs - Date.now() - 8 * 3_600_000) < 600_000);

  const wish = { name: 'by-ada', project: 'web' };
  for (const csrf of [{}, { 'x-sluice-csrf': '' }, { 'x-sluice-csrf': 'x'.repeat(43) }] as Record<
    string,
    string
  >[])
    assert.equal((await ask(ada, 'POST /v1/keys', csrf, wish)).status, 403);
  const csrf = { 'x-sluice-csrf': session.csrf };
  assert.equal((await ask(ada, 'POST /v1/keys', csrf, wish)).status, 201);
  const foreign = { ...csrf, origin: 'http://evil.example' };
  assert.equal((await ask(ada, 'POST /v1/keys', foreign, wish)).status, 403);
  // A token that she makes is hers, and has what she has.
  const made = await ask(ada, 'POST /v1/tokens', csrf, { name: 'mine', scopes: ['keys.read'] });
  assert.equal(made.json.token.owner, 'user:ada@example.org');
  const byToken = await fetch(`${gateway.adminUrl}/v1/keys`, {
    headers: { authorization: `Bearer ${made.json.secret}` },
  });
  assert.equal(byToken.status, 200);
  // As a token the secret of a session is nothing.
  const asToken = { authorization: `Bearer ${cookies.slice('sluice-session='.length)}` };
  assert.equal((await fetch(`${gateway.adminUrl}/v1/keys`, { headers: asToken })).status, 401);

  const ended = await ask(ada, 'DELETE /v1/session', csrf);
  assert.match(ended.json.endSessionUrl, /\/session\/end\?/);
  assert.equal((await ask(ada, 'GET /v1/session')).status, 401);
});

test('roles come by claims, for a team; who has none has no session, and an address that nobody has seen is nobody', async () => {
  const dev = await signIn('dev');
  const session = (await ask(dev, 'GET /v1/session')).json;
  assert.deepEqual([session.id, session.name], ['oidc:dev', 'dev@example.org']);
  assert.deepEqual(session.roles, [{ role: 'developer', team: 'red' }]);
  assert.equal((await ask(dev, 'GET /v1/config')).status, 403);
  for (const name of ['nobody', 'mallory']) {
    const browser = new Browser();
    const refused = await browser.open(await comeBack(browser, name));
    assert.equal(refused.status, 403, refused.text);
    assert.match(refused.text, /no role here/);
    assert.ok(!browser.cookies(gateway.adminUrl).includes('sluice-session='));
  }
});

test('security 24: state, nonce and code are of one browser and one journey, and of use once', async () => {
  const victim = new Browser();
  const url = await comeBack(victim, 'dev');
  const other = new Browser();
  const refusedFor = async (browser: Browser, back: string) => {
    const { status } = await browser.open(back);
    assert.ok(status === 400 || status === 403, `${status} for ${back}`);
    assert.ok(!browser.cookies(gateway.adminUrl).includes('sluice-session='));
  };
  await refusedFor(other, url);
  await other.open(`${gateway.adminUrl}/v1/session/sign-in`);
  await refusedFor(other, url);
  const good = await victim.open(url, { upTo: gateway.adminUrl });
  assert.equal(good.location, `${gateway.adminUrl}/`);
  const again = await victim.open(url);
  assert.equal(again.status, 400, 'of use once');

  for (const change of [
    (back: URL) => back.searchParams.set('state', 'x'.repeat(43)),
    (back: URL) => back.searchParams.delete('state'),
    (back: URL) => back.searchParams.set('code', 'x'.repeat(43)),
    (back: URL) => back.searchParams.delete('code'),
    (back: URL) => back.searchParams.set('iss', 'http://evil.example'),
    (back: URL) => back.searchParams.append('state', 'twice'),
    (back: URL) => back.searchParams.set('error', 'access_denied'),
  ]) {
    const browser = new Browser();
    const back = new URL(await comeBack(browser, 'dev'));
    change(back);
    await refusedFor(browser, back.href);
    await refusedFor(browser, url);
  }
  for (const returnTo of [
    '//evil.example',
    '/\\evil.example',
    'http://evil.example',
    '/\t/evil.example',
    '',
  ]) {
    const query = `?returnTo=${encodeURIComponent(returnTo)}`;
    const { status } = await new Browser().open(`${gateway.adminUrl}/v1/session/sign-in${query}`);
    assert.equal(status, 400, returnTo);
  }
});

test('who signed in and out, and who was not let in, is in the audit log', async () => {
  const ada = await signIn('ada');
  const { csrf } = (await ask(ada, 'GET /v1/session')).json;
  assert.equal((await ask(ada, 'DELETE /v1/session', { 'x-sluice-csrf': csrf })).status, 200);
  const nobody = new Browser();
  assert.equal((await nobody.open(await comeBack(nobody, 'nobody'))).status, 403);
  assert.equal((await nobody.open(callback())).status, 400);
  const found = (await (await gateway.admin('/v1/audit?text=session.&limit=3')).json()) as {
    records: { action: string; who: { id: string }; outcome: string; reason: string | null }[];
  };
  assert.deepEqual(
    found.records.map(({ action, who, outcome }) => [action, who.id, outcome]),
    [
      ['session.begin', 'unknown', 'refused'],
      ['session.end', 'user:ada@example.org', 'done'],
      ['session.begin', 'user:ada@example.org', 'done'],
    ],
  );
  assert.match(found.records[0]!.reason!, /^403: .*no role/);
  assert.doesNotMatch(JSON.stringify(found), /code=|state=|sluice-session-/);
});

test('whoever is taken out of the configuration is out at once, with all that was given to it', async () => {
  const ada = await signIn('ada');
  const { csrf } = (await ask(ada, 'GET /v1/session')).json;
  const made = await ask(ada, 'POST /v1/tokens', { 'x-sluice-csrf': csrf }, { name: 'left' });
  const token = { authorization: `Bearer ${made.json.secret}` };
  const status = async () => (await fetch(`${gateway.adminUrl}/v1/keys`, { headers: token })).status;
  assert.equal(await status(), 200);
  gateway.rewrite(standardConfig(gateway.simulator.url, { admin: { ...admin({}), users: {} } }));
  for (const until = Date.now() + 30_000; (await status()) !== 401;) assert.ok(Date.now() < until);
  assert.equal((await ask(ada, 'GET /v1/session')).status, 401);
});
