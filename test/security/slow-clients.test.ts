/** Clients that take their time, or all of it, in plain text and under TLS: each is ended in time, and its upstream let go. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { makeAuthority } from '../../src/transport/testing/authority.ts';
import { rest, secured } from '../../src/transport/server/testing/doors.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

const authority = makeAuthority();
const large = Buffer.alloc(12 << 20, 'x');
/** Answers with more than all buffers on the way take. */
const upstream = createServer((_, response) => {
  answers.push(response);
  response.setHeader('content-length', large.length);
  response.end(large);
});
const answers: ServerResponse[] = [];
let gateway: TestGateway;
before(async () => {
  await once(upstream.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const certificate = authority.issue({ alternatives: 'DNS:a.test' });
  gateway = await startTestGateway({
    config: {
      listen: [{ port: 0 }, { port: 0, tls: { certificates: [certificate] } }],
      limits: { headTimeout: '500ms', bodyTimeout: '700ms', sendTimeout: '1s' },
      routes: [
        { name: 'large', match: { path: '/large' }, to: { http: url }, policies: [] },
        { name: 'llm', match: { path: '/v1/**' }, to: { llm: {} } },
      ],
    },
  });
});
after(async () => {
  await gateway.stop();
  upstream.close();
  authority[Symbol.dispose]();
});

const doors: Readonly<Record<string, () => Promise<Socket>>> = {
  async 'in plain text'() {
    const socket = connect({ port: gateway.running.ports[0]!, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    return socket;
  },
  'under TLS': () => secured(gateway.running.ports[1]!, { servername: 'a.test' }),
};
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
/** Sends a beginning, and then a byte now and then, for as long as somebody listens. */
async function trickle(socket: Socket, beginning: string, byte: string): Promise<string> {
  socket.write(beginning);
  const timer = setInterval(() => socket.writable && socket.write(byte), 100);
  try {
    return await rest(socket);
  } finally {
    clearInterval(timer);
  }
}
const json = `POST /v1/chat/completions HTTP/1.1\r\nhost: a.test\r\nauthorization: Bearer ${testKey}\r\ncontent-type: application/json\r\n`;

for (const [how, open] of Object.entries(doors)) {
  describe(`security 30: ${how}`, () => {
    test('a head that trickles: 408', async () => {
      assert.equal(
        statusOf(await trickle(await open(), 'GET /large HTTP/1.1\r\nhost: a.test\r\nx: ', 'y')),
        408,
      );
    });

    test('a body that trickles: 408, and no upstream was asked', async () => {
      const asked = gateway.simulator.calls().length;
      const answer = await trickle(await open(), `${json}content-length: 1000\r\n\r\n{`, ' ');
      assert.equal(statusOf(answer), 408);
      assert.equal(gateway.simulator.calls().length, asked);
    });

    test('a connection that says nothing, or is half closed: ended', async () => {
      assert.equal(await rest(await open()), '');
      const half = await open();
      half.end();
      assert.equal(await rest(half), '');
    });

    test('a client that takes nothing of its answer: cut, and its upstream let go', async () => {
      const socket = await open();
      socket.pause();
      socket.write('GET /large HTTP/1.1\r\nhost: a.test\r\n\r\n');
      const asked = answers.length;
      while (answers.length === asked) await once(upstream, 'request');
      const answer = answers.at(-1)!;
      if (!answer.closed) await once(answer, 'close');
      assert.equal(answer.writableFinished, false);
      socket.destroy();
    });

    test('a client that takes it slowly gets all of it', async () => {
      const socket = await open();
      let got = 0;
      socket.on('data', (bytes: Buffer) => {
        got += bytes.length;
        socket.pause();
        setTimeout(() => socket.resume(), got % 8 === 0 ? 20 : 5);
      });
      socket.write('GET /large HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n');
      await once(socket, 'end');
      socket.destroy();
      assert.ok(got > large.length, String(got));
    });
  });
}
