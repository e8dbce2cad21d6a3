import assert from 'node:assert/strict';
import { scryptSync } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

const salt = Buffer.from('a salt of sixteen');
const hashed = (password: string) => {
  const digest = scryptSync(password, salt, 32, { cost: 1024, blockSize: 8, parallelization: 1 });
  return `$scrypt$ln=10,r=8,p=1$${salt.toString('base64')}$${digest.toString('base64')}`;
};

/** Decides about calls: what it was asked, and what it says next. */
const asked: IncomingHttpHeaders[] = [];
interface Verdict {
  readonly status: number;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string;
}
let verdict: Verdict | 'silence' = { status: 204 };
const decider = createServer((request, response) => {
  asked.push(request.headers);
  if (verdict !== 'silence') response.writeHead(verdict.status, verdict.headers ?? {}).end(verdict.body);
});

let simulator: Simulator;
let gateway: TestGateway;
before(async () => {
  await new Promise<void>((resolve) => decider.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(decider.address() as AddressInfo).port}/verify`;
  simulator = await startSimulator({ port: 0 });
  const policies: Record<string, object[]> = {
    basic: [{ 'basic-auth': { realm: 'here' } }],
    any: [{ 'any-auth': { any: ['basic-auth', 'key-auth', 'hmac-auth'] } }],
    open: [
      { 'any-auth': { any: ['key-auth', { 'basic-auth': {} }, { anonymous: { consumer: 'guest' } }] } },
      { 'rate-limit': { by: 'consumer', requests: '2/h' }, when: 'consumer.name == "guest"' },
      { access: { rule: 'consumer.name != "guest" || request.method == "GET"' } },
    ],
    optional: [{ 'key-auth': { optional: true } }, { anonymous: { consumer: 'guest' } }],
    asks: [
      {
        'forward-auth': {
          ...{ url, upstreamHeaders: ['X-User'], consumerHeader: 'X-Consumer', claims: { role: 'X-Role' } },
          deadline: '300ms',
        },
      },
      { access: { rule: 'request.method == "GET" || claims.role == "editor"' } },
    ],
    remembers: [{ 'forward-auth': { url, requestHeaders: ['Authorization'], cache: '1h' } }],
  };
  gateway = await startTestGateway({
    simulator,
    config: {
      routes: Object.entries(policies).map(([name, list]) => ({
        ...{ name, match: { path: `/${name}/**` }, stripPrefix: `/${name}`, policies: list },
        to: { http: simulator.url },
      })),
      consumers: {
        ann: { project: 'web', groups: ['staff'], basic: { password: '${env:ANN}' } },
        bob: { project: 'web', basic: { user: 'Bøb', passwordHash: hashed('pässword:with colon') } },
        guest: { project: 'web' },
      },
    },
    env: { ANN: 'correct horse' },
  });
});
after(async () => {
  await gateway.stop();
  await simulator.close();
  decider.closeAllConnections();
  decider.close();
});

const ask = async (path: string, headers: Record<string, string> = {}, method = 'GET') => {
  const answer = await fetch(`${gateway.url}${path}`, { method, headers, redirect: 'manual' });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
};
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

describe('basic-auth', () => {
  test('a user with the right password is let in, and the password goes no further', async () => {
    const { status, text } = await ask('/basic/echo/x', basic('ann', 'correct horse'));
    assert.equal(status, 200);
    assert.doesNotMatch(text, /authorization/i);
  });

  test('names and passwords are UTF-8, in whatever form of Unicode, and passwords may have colons', async () => {
    for (const form of ['NFC', 'NFD']) {
      const credential = basic('Bøb'.normalize(form), 'pässword:with colon'.normalize(form));
      assert.equal((await ask('/basic/echo/x', credential)).status, 200, form);
      assert.equal((await ask('/basic/echo/x', credential)).status, 200, `${form}, known by now`);
    }
    const latin1 = Buffer.from('B\xf8b:p\xe4ssword:with colon', 'latin1').toString('base64');
    assert.equal((await ask('/basic/echo/x', { authorization: `Basic ${latin1}` })).status, 401);
  });

  test('everything else is 401, with what to send', async () => {
    const wrong: Record<string, string>[] = [
      {},
      basic('ann', 'wrong'),
      basic('ann', ''),
      basic('ann', 'correct horse '),
      basic('Ann', 'correct horse'),
      basic('', 'correct horse'),
      basic('nobody', 'correct horse'),
      basic('Bøb', 'wrong'),
      basic('guest', ''),
      basic('ann', 'correct horse\0'),
      basic('__proto__', 'x'),
      { authorization: 'Basic' },
      { authorization: 'Basic ann:correct horse' },
      { authorization: `Basic ${Buffer.from('ann').toString('base64')}` },
      bearer(testKey),
    ];
    for (const headers of wrong) {
      const answer = await ask('/basic/echo/x', headers);
      assert.equal(answer.status, 401, JSON.stringify(headers));
      assert.equal(answer.headers.get('www-authenticate'), 'Basic realm="here", charset="UTF-8"');
      assert.doesNotMatch(answer.text, /correct horse/);
    }
  });
});

describe('any-auth', () => {
  test('any kind of credential will do', async () => {
    assert.equal((await ask('/any/echo/x', bearer(testKey))).status, 200);
    assert.equal((await ask('/any/echo/x', { 'x-api-key': testKey })).status, 200);
    assert.equal((await ask('/any/echo/x', basic('ann', 'correct horse'))).status, 200);
  });

  test('none asks for all of them', async () => {
    const { status, headers } = await ask('/any/echo/x');
    assert.equal(status, 401);
    assert.match(headers.get('www-authenticate')!, /Basic realm="sluice".*Bearer realm="sluice"/);
  });

  test('a wrong credential is refused, though a right one of another kind came, too; neither goes further', async () => {
    const both = { ...basic('ann', 'correct horse'), 'x-api-key': testKey };
    const { status, text } = await ask('/any/echo/x', both);
    assert.equal(status, 200);
    assert.doesNotMatch(text, /authorization|x-api-key/i);
    assert.equal((await ask('/any/echo/x', { ...both, ...basic('ann', 'wrong') })).status, 401);
    // The password decides: it stands first.
    assert.equal((await ask('/any/echo/x', { ...both, 'x-api-key': 'sk-wrong' })).status, 200);
  });
});

describe('security 27: who is nobody', () => {
  test('a call without credential is the guest, who has limits and rights of his own', async () => {
    assert.equal((await ask('/open/echo/x', {}, 'DELETE')).status, 403);
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await ask('/open/echo/x')).status);
    assert.deepEqual(statuses, [200, 200, 429]);
    // They are nobody else's.
    assert.equal((await ask('/open/echo/x', basic('ann', 'correct horse'), 'DELETE')).status, 200);
  });

  test('a call with a wrong credential is not the guest', async () => {
    for (const headers of [
      bearer('sk-wrong'),
      { 'x-api-key': 'sk-wrong' },
      basic('ann', 'wrong'),
      { authorization: 'Digest username="ann"' },
      { authorization: 'Bearer' },
    ] as Record<string, string>[])
      for (const path of ['/open/echo/x', '/optional/echo/x'])
        assert.equal((await ask(path, headers)).status, 401, `${path} ${JSON.stringify(headers)}`);
    assert.equal((await ask('/optional/echo/x')).status, 200);
  });
});

describe('forward-auth', () => {
  const allowed = { status: 200, headers: { 'x-user': 'u-7', 'x-consumer': 'ann', 'x-role': 'editor' } };

  test('who may pass is told apart by the answer, whose headers go on in place of its own', async () => {
    verdict = allowed;
    const { status, text } = await ask(
      '/asks/echo/x?a=1',
      { ...bearer('t'), cookie: 'c=1', 'x-user': 'root' },
      'PUT',
    );
    assert.equal(status, 200, text);
    assert.match(text, /u-7/);
    assert.doesNotMatch(text, /root/);
    const told = asked.at(-1)!;
    assert.equal(told['x-forwarded-method'], 'PUT');
    assert.equal(told['x-forwarded-uri'], '/asks/echo/x?a=1');
    assert.deepEqual([told.authorization, told.cookie, told['x-user']], ['Bearer t', 'c=1', undefined]);
    // What the answer does not name, the client cannot either.
    verdict = { status: 200, headers: { 'x-consumer': 'ann' } };
    assert.doesNotMatch((await ask('/asks/echo/x', { 'x-user': 'root' })).text, /root/);
  });

  test('a refusal is the answer, with its own headers and no others', async () => {
    const headers = { 'www-authenticate': 'Custom', 'set-cookie': ['a=1', 'b=2'], 'x-inner': 'secret' };
    verdict = { status: 401, headers: { ...headers, 'content-type': 'text/plain' }, body: 'go away' };
    const answer = await ask('/asks/echo/x');
    assert.deepEqual([answer.status, answer.text], [401, 'go away']);
    assert.deepEqual(answer.headers.getSetCookie(), ['a=1', 'b=2']);
    assert.deepEqual(
      [answer.headers.get('www-authenticate'), answer.headers.get('x-inner')],
      ['Custom', null],
    );
    verdict = { status: 302, headers: { location: 'https://login.test/' } };
    assert.equal((await ask('/asks/echo/x')).headers.get('location'), 'https://login.test/');
  });

  test('one who is not known here is refused', async () => {
    verdict = { status: 200, headers: { 'x-consumer': 'mallory' } };
    assert.equal((await ask('/asks/echo/x')).status, 401);
    verdict = { status: 200 };
    assert.equal((await ask('/asks/echo/x')).status, 401);
  });

  test('it fails closed: no answer in time, a failure, an answer without end', async () => {
    for (const broken of ['silence', { status: 500 }, { status: 200, body: 'x'.repeat(200_000) }] as const) {
      verdict = broken;
      const { status, headers } = await ask('/asks/echo/x');
      assert.equal(status, 503);
      assert.equal(headers.get('retry-after'), '1');
    }
  });

  test('an allowance is remembered where that is said, for the same words alone; a refusal is not', async () => {
    verdict = { status: 403 };
    assert.equal((await ask('/remembers/echo/x', bearer('one'))).status, 403);
    verdict = allowed;
    const before = asked.length;
    for (let i = 0; i < 3; i++) assert.equal((await ask('/remembers/echo/x', bearer('one'))).status, 200);
    assert.equal(asked.length, before + 1);
    verdict = { status: 403 };
    assert.equal((await ask('/remembers/echo/x', bearer('two'))).status, 403);
    assert.equal((await ask('/remembers/echo/y', bearer('one'))).status, 403);
    assert.equal((await ask('/remembers/echo/x', bearer('one'), 'POST')).status, 403);
    assert.equal((await ask('/remembers/echo/x', bearer('one'))).status, 200);
  });
});
