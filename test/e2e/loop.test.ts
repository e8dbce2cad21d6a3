import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';

/** Stands between the gateway and itself: sends whatever comes back to the gateway's door, as the gateway wrote it. */
let mirror: Server;
let gateway: TestGateway;
let rounds = 0;
let lastVia = '';

before(async () => {
  mirror = createServer((request, response) => {
    rounds++;
    lastVia = request.headers.via ?? '';
    const path = request.url!;
    if (!path.startsWith('/loop')) {
      response.end('end');
      return;
    }
    void fetch(gateway.url + path, { headers: { via: lastVia } }).then(async (answer) => {
      response.writeHead(answer.status).end(await answer.text());
    });
  });
  await new Promise<void>((resolve) => mirror.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(mirror.address() as AddressInfo).port}`;
  gateway = await startTestGateway({
    config: { policies: [], routes: [{ name: 'all', match: { path: '/**' }, to: { http: url } }] },
  });
});
after(async () => {
  await gateway.stop();
  mirror.closeAllConnections();
  await new Promise((resolve) => mirror.close(resolve));
});

test('security 43: a request that comes back to the gateway ends after eight passes with 508', async () => {
  rounds = 0;
  const answer = await fetch(`${gateway.url}/loop`);
  assert.equal(answer.status, 508);
  assert.equal(((await answer.json()) as { code: string }).code, 'request/loop');
  assert.equal(rounds, 8);
});

test('passes are counted on all lines and exactly by name', async () => {
  const send = (via: string[]) =>
    sendRaw(
      gateway.port,
      `GET /x HTTP/1.1\r\nhost: x\r\n${via.map((line) => `via: ${line}\r\n`).join('')}connection: close\r\n\r\n`,
    );
  assert.equal((await send(Array<string>(8).fill('1.1 sluice'))).status, 508);
  assert.equal(
    (await send(['1.1 sluice, 1.1\tsluice , 2 sluice (x)', ...Array<string>(5).fill('1.1 sluice')])).status,
    508,
  );
  const others = ['1.1 sluice-edge, 1.1 a.sluice', ...Array<string>(7).fill('1.1 sluice, 1.0 other')];
  assert.equal((await send(others)).status, 200);
  assert.equal(lastVia, `${others.join(', ')}, 1.1 sluice`);
});
