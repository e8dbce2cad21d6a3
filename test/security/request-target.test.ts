/** What a request asks for has one reading: what routes match, policies judge and the upstream receives is the same. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';
import {
  askedMeanwhile,
  auth,
  message,
  pathOf,
  rawRequest,
  routeKinds,
  statusesIn,
  type RawRequest,
  type RouteKind,
} from '../harness/route-kinds.ts';

let gateway: TestGateway;
before(async () => (gateway = await startTestGateway()));
after(() => gateway.stop());

async function answerTo(kind: RouteKind, request: RawRequest) {
  const { result, calls } = await askedMeanwhile(gateway, () =>
    sendRaw(gateway.port, rawRequest(kind, request)),
  );
  return { text: result.text, closed: result.closed, statuses: statusesIn(result.text), calls };
}

describe('security 12: methods that are for proxies, targets of other forms, and Hosts that are none', () => {
  const bad: Record<string, (path: string) => RawRequest> = {
    'no Host': () => ({ host: [] }),
    'two Hosts': () => ({ host: ['Host: a', 'Host: b'] }),
    'the same Host twice': () => ({ host: ['Host: a', 'host: a'] }),
    'a Host with user info': () => ({ host: ['Host: a@b'] }),
    'a Host with an impossible port': () => ({ host: ['Host: a:99999'] }),
    'a Host with port 0': () => ({ host: ['Host: a:0'] }),
    'a Host with a port that is a word': () => ({ host: ['Host: a:http'] }),
    'a Host with a slash': () => ({ host: ['Host: a/b'] }),
    'a Host with a space': () => ({ host: ['Host: a b'] }),
    'a Host with a comma': () => ({ host: ['Host: a,b'] }),
    'a Host with a percent sign': () => ({ host: ['Host: a%2eb'] }),
    'an empty Host': () => ({ host: ['Host: '] }),
    'another host in an absolute target': (path) => ({ target: `http://evil.test${path}` }),
    'another port in an absolute target': (path) => ({ target: `http://a:81${path}` }),
    'user info in an absolute target': (path) => ({ target: `http://x@a${path}` }),
    'an absolute target that is not http': (path) => ({ target: `ftp://a${path}` }),
    'an authority as target': () => ({ target: 'a:80' }),
    'a path without its slash': (path) => ({ target: path.slice(1) }),
    'a fragment': (path) => ({ target: `${path}#x` }),
    'a space within the target': (path) => ({ target: `${path}?a b` }),
    CONNECT: () => ({ method: 'CONNECT', target: 'a:80' }),
    'CONNECT to a path': () => ({ method: 'CONNECT' }),
  };
  for (const kind of routeKinds) {
    for (const [what, requestFor] of Object.entries(bad))
      test(`${what} is 400 (${kind})`, async () => {
        const { statuses, closed, calls, text } = await answerTo(kind, requestFor(pathOf(kind)));
        assert.deepEqual(statuses, ['400'], text.slice(0, 200));
        assert.ok(closed);
        assert.equal(calls.length, 0);
      });

    test(`TRACE reaches nobody and reflects nothing (${kind})`, async () => {
      const { statuses, calls, text } = await answerTo(kind, { method: 'TRACE' });
      assert.ok(['404', '405'].includes(statuses[0]!), text);
      assert.equal(calls.length, 0);
      assert.ok(!text.includes('sk-test'));
    });

    test(`an absolute target of the same host is the same request (${kind})`, async () => {
      const { statuses, calls } = await answerTo(kind, {
        target: `http://A${pathOf(kind)}`,
        host: ['Host: a'],
      });
      assert.deepEqual(statuses, ['200']);
      assert.equal(calls.length, 1);
    });
  }

  test('"*" is no way around a route', async () => {
    const lines = ['OPTIONS * HTTP/1.1', 'Host: a', auth, 'Connection: close'];
    const { result, calls } = await askedMeanwhile(gateway, () => sendRaw(gateway.port, message(lines)));
    assert.deepEqual(statusesIn(result.text), ['404']);
    assert.equal(calls.length, 0);
  });
});

describe('security 13: paths that two servers could read differently are refused', () => {
  /** Each stands for a segment before the last one, or for one at the end. */
  const before = [
    '',
    '.',
    '..',
    '%2e%2e',
    '.%2e',
    '%2E.',
    '%252e%252e',
    '%c0%ae%c0%ae',
    'a;x=1',
    'a;',
    'a%2fb',
  ];
  const behind = [
    ';x=1',
    ';',
    '%2fb',
    '%2Fb',
    '%5cb',
    '\\b',
    '%00',
    '%0d%0ab',
    '%7f',
    '.',
    '%2e',
    '%20',
    '%',
    '%z',
    '%zz',
    '%c0%af',
    '%ff',
    '%e0%80%af',
    '%252fb',
    '%25%32%66b',
    '%252%66b',
    '%25%35cb',
    '\xe4',
  ];
  for (const kind of routeKinds) {
    const path = pathOf(kind);
    const cut = path.lastIndexOf('/');
    const targets = [
      ...before.map((segment) => `${path.slice(0, cut)}/${segment}${path.slice(cut)}`),
      ...behind.map((end) => path + end),
      `/${path}`,
      `/open/..${path}`,
      `${path}/..`,
    ];
    for (const target of targets)
      test(`${JSON.stringify(target)} is 400 (${kind})`, async () => {
        const { statuses, calls, text } = await answerTo(kind, { target });
        assert.deepEqual(statuses, ['400'], text.slice(0, 200));
        assert.equal(calls.length, 0);
      });

    test(`an escaped spelling is judged as what it means: no way around a policy (${kind})`, async () => {
      // `%61` is "a", `%76` is "v", `%70` is "p".
      const target = kind === 'http' ? '/%61%70i/echo' : '/%761/chat/com%70letions';
      const anonymous = await answerTo(kind, { target, credential: [] });
      assert.deepEqual(anonymous.statuses, ['401']);
      assert.equal(anonymous.calls.length, 0);
      const known = await answerTo(kind, { target });
      assert.deepEqual(known.statuses, ['200'], known.text);
      assert.equal(known.calls[0]!.path, kind === 'http' ? '/echo' : '/v1/chat/completions');
    });

    test(`letters of another case are another path (${kind})`, async () => {
      const { statuses, calls } = await answerTo(kind, { target: pathOf(kind).toUpperCase() });
      assert.deepEqual(statuses, ['404']);
      assert.equal(calls.length, 0);
    });
  }

  test('an escape of an unreserved character is the character; others stay, in capitals', async () => {
    const { text } = await answerTo('http', { target: '/%61pi/echo/%7Etilde%2a' });
    assert.ok(text.includes('"url":"/echo/~tilde%2A"'), text);
  });
});
