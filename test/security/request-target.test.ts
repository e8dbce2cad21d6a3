import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

const auth = `Authorization: Bearer ${testKey}`;
const close = 'Connection: close';
const kinds = { http: '/api/echo/target', llm: '/v1/models' };

async function send(...lines: string[]) {
  const before = gateway.simulator.calls().length;
  const answer = await sendRaw(gateway.port, `${lines.join('\r\n')}\r\n\r\n`);
  return { ...answer, forwarded: gateway.simulator.calls().length - before };
}

describe('security 12: the request line and Host', () => {
  for (const [kind, path] of Object.entries(kinds)) {
    const bad: Record<string, string[]> = {
      'no Host': [`GET ${path} HTTP/1.1`],
      'two Hosts': [`GET ${path} HTTP/1.1`, 'Host: a', 'Host: b'],
      'two equal Hosts': [`GET ${path} HTTP/1.1`, 'Host: a', 'Host: a'],
      'a Host with user info': [`GET ${path} HTTP/1.1`, 'Host: a@b'],
      'a Host with an impossible port': [`GET ${path} HTTP/1.1`, 'Host: a:99999'],
      'a Host with port 0': [`GET ${path} HTTP/1.1`, 'Host: a:0'],
      'a Host with a slash': [`GET ${path} HTTP/1.1`, 'Host: a/b'],
      'a Host with a space': [`GET ${path} HTTP/1.1`, 'Host: a b'],
      'a Host with a comma': [`GET ${path} HTTP/1.1`, 'Host: a, b'],
      'an empty Host': [`GET ${path} HTTP/1.1`, 'Host: '],
      'another host in an absolute target': [`GET http://evil.test${path} HTTP/1.1`, 'Host: a'],
      'an absolute target with user info': [`GET http://a@a${path} HTTP/1.1`, 'Host: a'],
      'an absolute target that is not http': [`GET ftp://a${path} HTTP/1.1`, 'Host: a'],
      'an authority as target': ['GET a:80 HTTP/1.1', 'Host: a'],
      'a target without its slash': [`GET ${path.slice(1)} HTTP/1.1`, 'Host: a'],
      'a fragment': [`GET ${path}#x HTTP/1.1`, 'Host: a'],
      'two spaces': [`GET  ${path} HTTP/1.1`, 'Host: a'],
      'a tab': [`GET\t${path} HTTP/1.1`, 'Host: a'],
      'HTTP/2.0': [`GET ${path} HTTP/2.0`, 'Host: a'],
      'no version': [`GET ${path}`, 'Host: a'],
      CONNECT: ['CONNECT a:80 HTTP/1.1', 'Host: a:80'],
      'CONNECT with a path': [`CONNECT ${path} HTTP/1.1`, 'Host: a'],
    };
    for (const [what, [line, ...more]] of Object.entries(bad)) {
      test(`${what} is refused (${kind})`, async () => {
        const answer = await send(line!, ...more, auth, close);
        // A CONNECT with a path is well-formed HTTP: the method is what is refused.
        const wanted = what === 'CONNECT with a path' ? [400, 404, 405] : [400];
        assert.ok(wanted.includes(answer.status), answer.text.slice(0, 200));
        assert.ok(answer.closed);
        assert.equal(answer.forwarded, 0);
      });
    }
    test(`TRACE is answered, if at all, by a refusal (${kind})`, async () => {
      const answer = await send(`TRACE ${path} HTTP/1.1`, 'Host: a', auth, close);
      assert.ok([404, 405].includes(answer.status), answer.text);
      assert.ok(!answer.text.includes(testKey));
      assert.equal(answer.forwarded, 0);
    });
    test(`an absolute target of the same host is the same request (${kind})`, async () => {
      const answer = await send(`GET http://a${path} HTTP/1.1`, 'Host: A', auth, close);
      assert.equal(answer.status, 200, answer.text);
      if (kind === 'http') assert.ok(answer.text.includes('"url":"/echo/target"'));
    });
  }
});

describe('security 13: paths that two servers could read differently are refused', () => {
  const odd = [
    '//admin',
    '/./admin',
    '/../api/echo',
    '/%2e%2e/api/echo',
    '/.%2E/x',
    '/%2e/x',
    '/a%2fb',
    '/a%2Fb',
    '/a%5cb',
    '/a\\b',
    '/a;x=1',
    '/..;/api/echo',
    '/a%00',
    '/a%01',
    '/a%7f',
    '/%252e%252e/x',
    '/a%252fb',
    '/%c0%ae%c0%ae/x',
    '/%c0%af',
    '/%e0%80%af',
    '/%ff',
    '/a.',
    '/a./b',
    '/a%2e',
    '/a%20',
    '/a%20/b',
    '/a%0d%0ab',
    '/%zz',
    '/%u002e',
    '/%',
    '/\xe9',
  ];
  for (const [kind, prefix] of Object.entries({ http: '/open', llm: '/v1' }))
    for (const path of odd) {
      test(`${prefix}${path} (${kind})`, async () => {
        const answer = await send(`GET ${prefix}${path} HTTP/1.1`, 'Host: a', auth, close);
        assert.equal(answer.status, 400, answer.text.slice(0, 200));
        assert.match(answer.text, /request\/malformed/);
        assert.equal(answer.forwarded, 0);
      });
    }

  test('an escape of an unreserved character is the character (http)', async () => {
    const { text } = await send('GET /%6fpen/echo/%7Etilde%2A HTTP/1.1', 'Host: a', close);
    assert.ok(text.includes('"url":"/echo/~tilde%2A"'), text);
  });
  test('an escape of an unreserved character is the character (llm)', async () => {
    const { status } = await send('GET /%761/%6dodels HTTP/1.1', 'Host: a', auth, close);
    assert.equal(status, 200);
  });
  test('neither does an escape get around the policies of a route', async () => {
    const { status, forwarded } = await send('GET /%61pi/echo/escaped HTTP/1.1', 'Host: a', close);
    assert.equal(status, 401);
    assert.equal(forwarded, 0);
  });
  test('a query may say what it likes: it is passed on as it came, and routes nobody', async () => {
    const query = 'a=%2e%2e%2f&b=//x;y&c=%0d%0aX:%20y&%00';
    const { text } = await send(`GET /open/echo/query?${query} HTTP/1.1`, 'Host: a', close);
    assert.ok(text.includes(`"url":"/echo/query?${query}"`), text);
  });
});
