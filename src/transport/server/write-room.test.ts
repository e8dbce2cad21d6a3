import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { WriteRoom } from './write-room.ts';

async function pair() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  // The ends are torn down at last, in any order.
  for (const end of [client, socket]) end.on('error', () => {});
  return { server, client, socket };
}

test('what is written arrives as it was, although the bytes given are used again at once and the reader is slow', async () => {
  const { server, client, socket } = await pair();
  const other = await pair();
  other.client.resume();
  const room = new WriteRoom();
  const lent = Buffer.alloc(100_000);
  const sent: Buffer[] = [];
  const chunks: Buffer[] = [];
  client.on('data', (chunk: Buffer) => chunks.push(chunk));
  client.pause();
  let size = 1;
  for (let i = 0; i < 600; i++) {
    size = (size * 37) % 90_001;
    const bytes = i % 2 === 0 ? size : size % 700;
    lent.fill(i % 256, 0, bytes);
    const body = lent.subarray(0, bytes);
    if (i % 3 === 0) {
      room.plain(socket, body, bytes);
      sent.push(Buffer.from(body));
    } else if (i % 3 === 1) {
      room.chunk(socket, body, bytes);
      sent.push(Buffer.concat([Buffer.from(`${bytes.toString(16)}\r\n`), body, Buffer.from('\r\n')]));
    } else {
      room.joined(socket, 'hëad ', 'bödy', 5);
      sent.push(Buffer.from('hëad ', 'latin1'), Buffer.from('bödy'));
    }
    lent.fill(0xee);
    // Another connection, whose reader is quick, puts its bytes together in the same room.
    room.chunk(other.socket, lent, 60_000);
    await new Promise((resolve) => other.socket.write('.', resolve));
    // Now and then the reader takes some, so that writes go both ways: at once, and later.
    if (i % 50 === 0) {
      client.resume();
      await new Promise((resolve) => setImmediate(resolve));
      client.pause();
    }
  }
  socket.end();
  client.resume();
  await once(client, 'end');
  for (const end of [{ server, client }, other]) {
    end.client.destroy();
    end.server.close();
  }
  const [came, went] = [Buffer.concat(chunks), Buffer.concat(sent)];
  assert.equal(came.length, went.length);
  assert.equal(hash('sha256', came), hash('sha256', went));
});
