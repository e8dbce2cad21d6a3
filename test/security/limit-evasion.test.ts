/** Callers that try to be somebody else for a limit. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';

const chat = JSON.stringify({
  model: 'o/gpt-sim',
  messages: [{ role: 'user', content: 'simulate:{"tokens":1}' }],
});

interface Said {
  readonly path?: string;
  readonly lines?: readonly string[];
}

async function statusOf(
  gateway: TestGateway,
  { path = '/v1/chat/completions', lines = [] }: Said,
): Promise<number> {
  const named = lines.some((line) => /^(authorization|x-api-key)/i.test(line));
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: a',
    ...(named ? [] : [`Authorization: Bearer ${testKey}`]),
    `Content-Length: ${chat.length}`,
    'Connection: close',
    ...lines,
  ];
  const { status } = await sendRaw(gateway.port, `${head.join('\r\n')}\r\n\r\n${chat}`);
  return status ?? 0;
}

async function limited(
  by: unknown,
  run: (gateway: TestGateway) => Promise<void>,
  more: object = {},
): Promise<void> {
  const gateway = await startTestGateway({
    config: { policies: [{ 'key-auth': {} }, { 'rate-limit': { by, requests: '2/h' } }], ...more },
  });
  try {
    await run(gateway);
  } finally {
    await gateway.stop();
  }
}

async function allAreOne(gateway: TestGateway, ways: readonly Said[]): Promise<void> {
  const statuses = [];
  for (const way of ways) statuses.push(await statusOf(gateway, way));
  assert.deepEqual(
    statuses,
    ways.map((_, i) => (i < 2 ? 200 : 429)),
  );
}

describe('security 37: a limit is not evaded', () => {
  test('by forwarding fields that nobody is trusted to say', async () => {
    await limited('address', (gateway) =>
      allAreOne(
        gateway,
        [1, 2, 3, 4].map((i) => ({ lines: [`X-Forwarded-For: 6.6.6.${i}`, `Forwarded: for=7.7.7.${i}`] })),
      ),
    );
  });

  test('by another address of one’s own IPv6 network', async () => {
    const listen = { port: 0, trustedProxies: ['127.0.0.1'] };
    await limited(
      'address',
      async (gateway) => {
        const ways = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:0DB8:1:2::3', '2001:db8:1:2:0:0:0:4'];
        await allAreOne(
          gateway,
          ways.map((address) => ({ lines: [`X-Forwarded-For: ${address}`] })),
        );
        const other = { lines: ['X-Forwarded-For: 2001:db8:1:3::1'] };
        assert.equal(await statusOf(gateway, other), 200, 'another network is another caller');
        // What stands before the proxy's own word is the client's invention.
        const invented = { lines: ['X-Forwarded-For: 9.9.9.9, 2001:db8:1:2::77'] };
        assert.equal(await statusOf(gateway, invented), 429);
      },
      { listen },
    );
  });

  test('by giving one key in other ways', async () => {
    await limited('key', (gateway) =>
      allAreOne(gateway, [
        { lines: [`Authorization: Bearer ${testKey}`] },
        { lines: [`authorization: bearer ${testKey}`] },
        { lines: [`X-API-Key: ${testKey}`] },
        { lines: [`AUTHORIZATION: BEARER   ${testKey}`] },
      ]),
    );
    await limited('key', async (gateway) => {
      // A key in other letters is another key, which nobody has.
      assert.equal(
        await statusOf(gateway, { lines: [`Authorization: Bearer ${testKey.toUpperCase()}`] }),
        401,
      );
    });
  });

  test('by other spellings of a path', async () => {
    const paths = ['/v1/chat/completions', '/v1/chat/%63ompletions', '/v1/chat/completions?a=1'];
    await limited(['route', 'key'], (gateway) =>
      allAreOne(
        gateway,
        paths.map((path) => ({ path })),
      ),
    );
  });

  test('by leaving a header out, saying it twice, or in other letters', async () => {
    await limited('header:x-tenant', async (gateway) => {
      await allAreOne(gateway, [{}, {}, {}]);
      await allAreOne(gateway, [
        { lines: ['X-Tenant: a'] },
        { lines: ['x-tenant: a', 'x-tenant: b'] },
        { lines: ['X-TENANT: a'] },
      ]);
    });
  });

  test('by inventing more values than there is room for, at the cost of others', async () => {
    const policies = [{ 'key-auth': {} }, { 'rate-limit': { by: 'header:x-tenant', requests: '1/h' } }];
    await limited(
      'key',
      async (gateway) => {
        for (let i = 0; i < 50; i++)
          assert.equal(await statusOf(gateway, { lines: [`X-Tenant: ${'v'.repeat(2000)}${i}`] }), 200);
        assert.equal(await statusOf(gateway, { lines: [`X-Tenant: ${'v'.repeat(2000)}7`] }), 429);
      },
      { policies },
    );
  });
});
