import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, describe, test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { Http2Server } from './http2-door.ts';
import type { Peer } from './canonical-head.ts';
import type { ListenerSettings, ListenerStats } from './index.ts';
import { makeAuthority } from '../testing/authority.ts';
import { ask, bodyOf, get, openDoor, rest, secured, send, shown, tlsOf } from './testing/doors.ts';

const authority = makeAuthority();
after(() => authority[Symbol.dispose]());
const tls = tlsOf([shown(authority.issue({ alternatives: 'DNS:a.test' }), 'a.test')]);
const allGone = async (stats: () => ListenerStats) => {
  while (stats().open > 0) await new Promise((resolve) => setImmediate(resolve));
};
const client = (answer: string) => {
  const { clientAddress, peer } = bodyOf(answer) as { clientAddress: string; peer: Peer };
  return { clientAddress, trusted: peer.trusted };
};
/** Hands bytes over one by one, each in a segment of its own. */
async function dribble(socket: Socket, bytes: Buffer): Promise<void> {
  socket.setNoDelay(true);
  for (const byte of bytes) {
    socket.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a listener for PROXY headers', () => {
  const settings = { trustedProxies: ['127.0.0.1', '2001:db8::/32'], proxyProtocol: true };
  const from = (source: string) =>
    `PROXY TCP${source.includes(':') ? 6 : 4} ${source} ${source.includes(':') ? '::1' : '10.0.0.1'} 1000 80\r\n`;

  test('takes the client from the header, and believes of it what it would of a peer', async (t) => {
    const { port } = await openDoor(t, settings);
    const claim = get('x').replace('host', 'x-forwarded-for: 6.6.6.6\r\nhost');
    const told = async (header: string) => client(await send(port, header + claim));
    assert.deepEqual(await told(from('192.0.2.1')), { clientAddress: '192.0.2.1', trusted: false });
    assert.deepEqual(await told(from('::ffff:192.0.2.1')), { clientAddress: '192.0.2.1', trusted: false });
    assert.deepEqual(await told(from('2001:db8::5')), { clientAddress: '6.6.6.6', trusted: true });
    // The proxy does not know who it is: then its client is not believed either.
    assert.deepEqual(await told('PROXY UNKNOWN\r\n'), { clientAddress: '127.0.0.1', trusted: false });
  });

  test('reads it in whatever pieces it comes, with the request behind it', async (t) => {
    const { port } = await openDoor(t, settings);
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const answer = rest(socket);
    await dribble(socket, Buffer.from(from('192.0.2.1') + get('x')));
    assert.equal(client(await answer).clientAddress, '192.0.2.1');
  });

  test('goes on to TLS behind it, in the same segment or in many', async (t) => {
    const { port } = await openDoor(t, { ...settings, tls });
    for (const inPieces of [false, true]) {
      const socket = connect({ port, host: '127.0.0.1' });
      if (inPieces) await dribble(socket, Buffer.from(from('192.0.2.7')));
      else {
        // The greeting follows at once: held back until both can go together.
        socket.cork();
        socket.write(from('192.0.2.7'));
        process.nextTick(() => process.nextTick(() => socket.uncork()));
      }
      const secure = connectTls({ socket, servername: 'a.test', rejectUnauthorized: false });
      await once(secure, 'secureConnect');
      const answer = rest(secure);
      secure.write(get('a.test'));
      assert.deepEqual(client(await answer), { clientAddress: '192.0.2.7', trusted: false });
    }
  });

  test('lets nobody in without one', async (t) => {
    const { port, stats } = await openDoor(t, settings);
    for (const bytes of [get('x'), 'PROXY TCP4 1.2.3.4\r\n', Buffer.from('160301', 'hex')])
      assert.equal(await send(port, bytes), '');
    await allGone(stats);
    assert.equal(stats().refused.proxy_header, 3);
  });

  test('lets no stranger in, whatever it says', async (t) => {
    const { port, stats } = await openDoor(t, { ...settings, trustedProxies: ['10.0.0.0/8'] });
    assert.equal(await send(port, from('192.0.2.1') + get('x')), '');
    await allGone(stats);
    assert.equal(stats().refused.untrusted_peer, 1);
  });

  test('waits for it only so long, and not for one who has left', async (t) => {
    const { port, stats } = await openDoor(t, settings);
    const silent = connect({ port, host: '127.0.0.1' });
    const leaving = connect({ port, host: '127.0.0.1' });
    leaving.end('PROXY ');
    assert.deepEqual(await Promise.all([rest(silent), rest(leaving)]), ['', '']);
    await allGone(stats);
    assert.deepEqual([stats().refused.timeout, stats().refused.closed], [1, 1]);
  });

  test('is not what a usual one is: there the header is no request', async (t) => {
    const { port } = await openDoor(t, { trustedProxies: ['127.0.0.1'] });
    assert.match(await send(port, from('192.0.2.1') + get('x')), /^HTTP\/1\.1 400 /);
  });
});

describe('addresses', () => {
  test('of IPv4 clients are the same whether they come in by IPv4 or by IPv6', async (t) => {
    const { port } = await openDoor(t, { host: '::', trustedProxies: ['::ffff:127.0.0.0/104'] });
    assert.deepEqual(client(await send(port, get('x'), '127.0.0.1')), {
      clientAddress: '127.0.0.1',
      trusted: true,
    });
    assert.deepEqual(client(await send(port, get('x'), '::1')), { clientAddress: '::1', trusted: false });
  });

  test('of IPv6 may be trusted as ranges', async (t) => {
    const { port } = await openDoor(t, { host: '::1', trustedProxies: ['::/64'] });
    assert.deepEqual(client(await send(port, get('[::1]'), '::1')), { clientAddress: '::1', trusted: true });
  });

  test('of IPv4 are left to others where they shall be', async (t) => {
    const { port } = await openDoor(t, { host: '::', ipv6Only: true });
    assert.match(await send(port, get('x'), '::1'), /^HTTP\/1\.1 200 /);
    await assert.rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
  });
});

describe('a bound on open connections', () => {
  for (const secure of [false, true])
    test(`closes those above it, ${secure ? 'under TLS' : 'in plain text'}, over all threads`, async (t) => {
      const cells = new Int32Array(new SharedArrayBuffer(8));
      // Another thread has one open, and this one's predecessor died with five.
      cells.set([1, 5]);
      const open = { cells, own: 1 };
      const { port, stats } = await openDoor(t, { maxConnections: 3, open, ...(secure ? { tls } : {}) });
      const connectOne = async () => {
        if (secure) return secured(port);
        const socket = connect(port, '127.0.0.1');
        await once(socket, 'connect');
        return socket;
      };
      const first = await connectOne();
      const second = await connectOne();
      const third = await connectOne().then(rest, () => '');
      assert.equal(third, '');
      assert.deepEqual([stats().open, stats().refused.limit], [2, 1]);
      first.destroy();
      while (stats().open > 1) await new Promise((resolve) => setImmediate(resolve));
      const fourth = await connectOne();
      const answer = rest(fourth);
      fourth.write(get('a.test'));
      assert.match(await answer, /^HTTP\/1\.1 200 /);
      second.destroy();
      await allGone(stats);
    });
});

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** In place of a server of HTTP/2: says what it was given, and how often it was loaded. */
async function openHttp2Door(t: TestContext, settings: Partial<ListenerSettings> = {}) {
  const said: string[] = [];
  let loads = 0;
  const server: Http2Server = {
    accept(socket, peer, firstBytes) {
      assert.equal(socket.isPaused() || 'encrypted' in socket, true);
      let text = '';
      const take = (bytes: Buffer) => {
        text += bytes.toString('latin1');
        if (text.endsWith('end'))
          socket.end(JSON.stringify({ text, peer: peer.address, secure: peer.secure }));
      };
      socket.on('data', take);
      take(firstBytes);
      socket.resume();
    },
    drain: () => said.push('drain'),
    closeIdle: () => said.push('closeIdle'),
    cut: () => said.push('cut'),
  };
  const listener = await openDoor(t, {
    http2: async () => {
      loads++;
      await new Promise((resolve) => setImmediate(resolve));
      return server;
    },
    ...settings,
  });
  return { ...listener, said, loads: () => loads };
}

describe('HTTP/2', () => {
  test('begins with its preface on a plain port, in whatever pieces that comes', async (t) => {
    const { port, loads, stats } = await openHttp2Door(t);
    const expected = { text: `${preface}frames end`, peer: '127.0.0.1', secure: false };
    assert.match(await send(port, get('x')), /^HTTP\/1\.1 200 /);
    assert.equal(loads(), 0);
    assert.deepEqual(JSON.parse(await send(port, `${preface}frames end`)), expected);
    for (let at = 1; at < preface.length; at += 1) {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      const answer = rest(socket);
      socket.write(preface.slice(0, at));
      await new Promise((resolve) => setTimeout(resolve, 2));
      socket.write(`${preface.slice(at)}frames end`);
      assert.deepEqual(JSON.parse(await answer), expected, `after ${at} bytes`);
    }
    assert.equal(loads(), 1);
    await allGone(stats);
  });

  test('begins behind a PROXY header, too', async (t) => {
    const { port } = await openHttp2Door(t, { proxyProtocol: true, trustedProxies: ['127.0.0.1'] });
    const answer = await send(port, `PROXY TCP4 192.0.2.1 10.0.0.1 1 2\r\n${preface}end`);
    assert.deepEqual(JSON.parse(answer), { text: `${preface}end`, peer: '192.0.2.1', secure: false });
  });

  test('is agreed upon under TLS, and only so', async (t) => {
    const { port } = await openHttp2Door(t, { tls });
    const socket = await secured(port, { ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal(socket.alpnProtocol, 'h2');
    const answer = rest(socket);
    socket.write(`${preface}end`);
    assert.deepEqual(JSON.parse(await answer), { text: `${preface}end`, peer: '127.0.0.1', secure: true });
    assert.match(await ask(port, { ALPNProtocols: ['http/1.1'] }), /^HTTP\/1\.1 200 /);
    const silent = await secured(port);
    const refused = rest(silent);
    silent.write(preface);
    assert.match(await refused, /^HTTP\/1\.1 400 /);
  });

  for (const [what, bytes] of [
    ['after an empty line', `\r\n${preface}`],
    ['after a request', `GET / HTTP/1.1\r\nhost: x\r\n\r\n${preface}`],
    ['with a header', 'PRI * HTTP/2.0\r\nhost: x\r\n\r\nSM\r\n\r\n'],
    ['of another version', 'PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n'],
  ] as const)
    test(`does not begin ${what}`, async (t) => {
      const { port, loads } = await openHttp2Door(t);
      assert.match(await send(port, bytes), /HTTP\/1\.1 400 /);
      assert.equal(loads(), 0);
    });

  test('does not begin where nobody serves it', async (t) => {
    const { port } = await openDoor(t);
    assert.match(await send(port, preface), /^HTTP\/1\.1 400 /);
  });

  test('is told of the end, also when it is loaded after that', async (t) => {
    const { port, said, close, drain } = await openHttp2Door(t);
    drain();
    const socket = connect(port, '127.0.0.1');
    const open = rest(socket);
    socket.write(`${preface}`);
    while (said.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await close(100);
    await open;
    assert.deepEqual([said[0], said.at(-1)], ['drain', 'cut']);
    assert.ok(said.includes('closeIdle'));
  });
});
