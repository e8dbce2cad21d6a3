import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { flood, sendRaw } from '../harness/raw-socket.ts';

let gateway: TestGateway;
let trusting: TestGateway;
before(async () => {
  gateway = await startTestGateway();
  const listen = { port: 0, trustedProxies: ['127.0.0.1'] };
  trusting = await startTestGateway({ simulator: gateway.simulator, config: { listen } });
});
after(async () => {
  await trusting.stop();
  await gateway.stop();
});

const auth = `Authorization: Bearer ${testKey}`;
const chat = JSON.stringify({
  model: 'o/gpt-sim',
  messages: [{ role: 'user', content: 'simulate:{"tokens":1}' }],
});
const kinds = { http: '/api/echo/fields', llm: '/v1/chat/completions' };
const requestOf = (path: string, lines: readonly string[]) =>
  [
    `POST ${path} HTTP/1.1`,
    'Host: a',
    `Content-Length: ${chat.length}`,
    'Connection: close',
    ...lines,
    '',
    chat,
  ].join('\r\n');

/** Sends one call, and says what the upstream was told: names in lower case and their values. */
async function exchange(path: string, lines: readonly string[], { port } = gateway) {
  const before = gateway.simulator.calls().length;
  const answer = await sendRaw(port, requestOf(path, lines));
  const calls = gateway.simulator.calls().slice(before);
  const told = new Map(
    Object.entries(calls[0]?.requestHeaders ?? {}).map(([name, value]) => [name, String(value)]),
  );
  return { ...answer, calls, told };
}

function forKinds(title: string, run: (path: string, kind: string) => Promise<void>): void {
  for (const [kind, path] of Object.entries(kinds)) test(`${title} (${kind})`, () => run(path, kind));
}

describe('security 8: fields of the connection', () => {
  forKinds('stay, and what Connection names stays with them', async (path) => {
    const mine = [
      'X-One: 1',
      'Keep-Alive: timeout=9',
      'TE: trailers',
      'Proxy-Authorization: x',
      'Upgrade: h2c',
    ];
    const { status, text, told } = await exchange(path, [auth, ...mine, 'Connection: x-one, upgrade']);
    assert.equal(status, 200, text);
    for (const name of ['x-one', 'te', 'proxy-authorization', 'upgrade', 'trailer'])
      assert.ok(!told.has(name), name);
    assert.notEqual(told.get('keep-alive'), 'timeout=9');
    assert.ok(!/x-one/.test(told.get('connection') ?? ''));
  });
  for (const named of ['authorization', 'Host', 'content-length', 'cookie', 'X-Forwarded-For', 'x-api-key'])
    forKinds(`a Connection that names ${named} changes nothing of what is judged`, async (path, kind) => {
      const { status, calls, told } = await exchange(path, [auth, `Connection: ${named}`]);
      if (kind === 'http') {
        assert.equal(status, 400);
        assert.equal(calls.length, 0);
      } else {
        // The call is made anew: nothing of the client's connection reaches the provider.
        assert.equal(status, 200);
        assert.equal(told.get('authorization'), 'Bearer sk-upstream');
      }
    });
});

describe('security 17: what a client says of itself is not believed', () => {
  const claims = [
    'X-Forwarded-For: 6.6.6.6',
    'X-Forwarded-Host: evil.test',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Anything: evil',
    'Forwarded: for=8.8.8.8',
  ];
  forKinds('forwarding fields are made anew', async (path, kind) => {
    const { status, told, calls } = await exchange(path, [auth, ...claims]);
    assert.equal(status, 200);
    for (const lie of ['6.6.6.6', '8.8.8.8', 'evil']) assert.ok(!JSON.stringify(calls).includes(lie), lie);
    if (kind === 'llm') return;
    assert.equal(told.get('x-forwarded-for'), '127.0.0.1');
    assert.equal(told.get('x-forwarded-host'), 'a');
    assert.equal(told.get('x-forwarded-proto'), 'http');
    assert.equal(told.get('via'), '1.1 sluice');
  });
  test('unless the peer is a trusted proxy (http)', async () => {
    const { told } = await exchange(kinds.http, [auth, ...claims], trusting);
    assert.equal(told.get('x-forwarded-for'), '6.6.6.6, 127.0.0.1');
    assert.equal(told.get('x-forwarded-host'), 'evil.test');
    assert.equal(told.get('x-forwarded-proto'), 'https');
    assert.ok(!told.has('x-forwarded-anything'));
    assert.ok(!told.has('forwarded'));
  });
  test('a trusted proxy is not told on to a provider, either (llm)', async () => {
    const { status, calls } = await exchange(kinds.llm, [auth, ...claims], trusting);
    assert.equal(status, 200);
    assert.ok(!JSON.stringify(calls).includes('6.6.6.6'));
  });
  forKinds('a credential used here goes no further', async (path) => {
    for (const credential of [auth, `X-Api-Key: ${testKey}`]) {
      const { status, calls } = await exchange(path, [credential]);
      assert.equal(status, 200);
      assert.equal(calls.length, 1);
      assert.ok(!JSON.stringify(calls).includes(testKey), credential);
    }
  });
  forKinds('identity that servers behind a gateway believe is the exchange’s own', async (path) => {
    const { told } = await exchange(path, [auth, 'X-Sluice-Exchange: forged']);
    assert.match(told.get('x-sluice-exchange') ?? '', /^[0-9A-HJKMNP-TV-Z]{26}$/);
  });
});

describe('security 18: names that are read as others, and fields that come twice', () => {
  forKinds('a name with an underscore goes no further', async (path) => {
    const lines = [auth, 'X_Forwarded_For: 7.7.7.7', 'Content_Length: 1', 'X_Api_Key: forged'];
    const { status, calls, told } = await exchange(path, lines);
    assert.equal(status, 200);
    assert.ok(!/7\.7\.7\.7|forged/.test(JSON.stringify(calls)));
    assert.ok([...told.keys()].every((name) => !name.includes('_')));
  });
  forKinds('an underscore makes no credential', async (path) => {
    for (const line of [`X_Api_Key: ${testKey}`, `Authorization_: Bearer ${testKey}`])
      assert.equal((await exchange(path, [line])).status, 401, line);
  });
  const twice = {
    authorization: [auth, 'Authorization: Bearer other'],
    'an equal authorization': [auth, auth],
    'x-api-key': [auth, 'X-Api-Key: a', 'x-api-key: b'],
    'content-type': [auth, 'Content-Type: application/json', 'Content-Type: text/plain'],
    traceparent: [auth, 'traceparent: a', 'traceparent: b'],
  };
  for (const [what, lines] of Object.entries(twice))
    forKinds(`${what}, twice, is refused`, async (path) => {
      const { status, calls } = await exchange(path, lines);
      assert.equal(status, 400);
      assert.equal(calls.length, 0);
    });
});

describe('security 19: heads that are too large are 431, and nothing of them is kept', () => {
  const large = {
    'ten thousand fields': Array.from({ length: 10_000 }, (_, i) => `X-H${i}: y`),
    'a field of a megabyte': [`X-Large: ${'y'.repeat(1_000_000)}`],
    'a cookie of 64 KiB': [`Cookie: ${'c'.repeat(65_536)}`],
    'a name of 64 KiB': [`${'n'.repeat(65_536)}: y`],
  };
  for (const [what, lines] of Object.entries(large))
    forKinds(what, async (path) => {
      const { status, closed, calls } = await exchange(path, [auth, ...lines]);
      assert.equal(status, 431);
      assert.ok(closed);
      assert.equal(calls.length, 0);
    });
  forKinds('a target of 64 KiB', async (path) => {
    const { status, closed } = await exchange(`${path}?${'q'.repeat(65_536)}`, [auth]);
    assert.equal(status, 431);
    assert.ok(closed);
  });

  const endless = { fields: 'X-A: y\r\n'.repeat(10_000), 'one field': 'y'.repeat(2 ** 16) };
  for (const [what, piece] of Object.entries(endless))
    forKinds(`${what} without end: the connection ends, and no memory grows`, async (path) => {
      const begin = `GET ${path} HTTP/1.1\r\nHost: a\r\n${what === 'fields' ? '' : 'X-Large: '}`;
      const { taken, closed } = await flood(gateway.port, { begin, piece, mostBytes: 2 ** 27 });
      assert.ok(closed);
      // What two sockets hold, and no more.
      assert.ok(taken < 24 * 2 ** 20, `${taken} bytes were taken`);
    });
});

describe('security 21: ids and traces that a client sends', () => {
  forKinds('ids are not reflected: the exchange has its own', async (path, kind) => {
    const lines = [auth, 'X-Request-Id: forged-one', 'X-Sluice-Exchange: forged-two'];
    const { text } = await exchange(path, lines);
    const answerHead = text.slice(0, text.indexOf('\r\n\r\n'));
    assert.match(answerHead, /^x-sluice-exchange: [0-9A-HJKMNP-TV-Z]{26}$/m, kind);
    assert.ok(!answerHead.includes('forged'));
  });
  const trace = 'a'.repeat(32);
  const parent = 'b'.repeat(16);
  forKinds('a valid traceparent is continued', async (path, kind) => {
    const { told } = await exchange(path, [auth, `traceparent: 00-${trace}-${parent}-01`]);
    // A provider is told nothing of the client's traces.
    if (kind === 'http') assert.match(told.get('traceparent')!, new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
    assert.ok(!(told.get('traceparent') ?? '').includes(parent));
  });
  const invalid = [
    '00-zz-evil\\r\\n-01',
    `00-${'0'.repeat(32)}-${parent}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `ff-${trace}-${parent}-01`,
    `00-${trace.toUpperCase()}-${parent}-01`,
    `00-${trace}-${parent}-01-more`,
    '',
  ];
  forKinds('an invalid one begins anew', async (path, kind) => {
    for (const value of invalid) {
      const { status, told } = await exchange(path, [auth, `traceparent: ${value}`]);
      assert.equal(status, 200);
      const sent = told.get('traceparent');
      if (kind === 'http') assert.match(sent!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);
      assert.ok(!(sent ?? '').toLowerCase().includes(trace), value);
    }
  });
});
