/** TLS at the door, by real clients: certificates by name, renewed, expired; certificates of clients; late handshakes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { makeAuthority, type Pair } from '../../src/transport/testing/authority.ts';
import { rest, secured } from '../../src/transport/server/testing/doors.ts';
import { standardConfig, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

const authority = makeAuthority();
const stranger = makeAuthority();
const folder = mkdtempSync(join(tmpdir(), 'sluice-tls-'));
const write = (name: string, { cert, key }: Pair) => {
  writeFileSync(join(folder, `${name}.key`), key);
  writeFileSync(join(folder, `${name}.pem`), cert);
};
const file = (name: string) => `\${file:${join(folder, name)}}`;
const pair = (name: string) => ({ cert: file(`${name}.pem`), key: file(`${name}.key`) });
const issue = (names: string) => authority.issue({ alternatives: names });

const main = issue('DNS:main.test,IP:127.0.0.1');
write('main', main);
write('shop', issue('DNS:shop.test,DNS:*.shop.test'));
write('old', authority.issue({ alternatives: 'DNS:old.test', to: '20210101000000Z' }));
const robot = issue('DNS:robot.test');
write('robot', robot);
write('forged', stranger.issue({ alternatives: 'DNS:robot.test' }));
writeFileSync(join(folder, 'ca.pem'), authority.ca);

const tls = { certificates: [pair('main'), pair('shop'), pair('old')], handshakeTimeout: '700ms' };
const listen = [
  { port: 0 },
  { port: 0, tls },
  { port: 0, tls: { certificates: [pair('main')], clientAuth: { ca: file('ca.pem') } } },
  { port: 0, host: '::1', tls: { ...tls, unknownNames: 'refuse' } },
  { port: 0, proxyProtocol: true, trustedProxies: ['127.0.0.1'], tls },
];
let gateway: TestGateway;
let ports: readonly number[];
before(async () => {
  gateway = await startTestGateway({ config: { listen }, threads: 2 });
  ({ ports } = gateway.running);
});
after(async () => {
  await gateway.stop();
  authority[Symbol.dispose]();
  stranger[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

/** Runs a command; what it says, and how it ends. */
async function run(command: string, args: readonly string[], input = '') {
  const child = spawn(command, args, { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stdin.on('error', () => {});
  child.stdin.write(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { text, code };
}
const curl = (...args: string[]) => run('curl', ['-sS', '--max-time', '20', '--cacert', 'ca.pem', ...args]);
/** An exchange by curl with a host that is here, on a port of ours. */
const curlTo = (port: number, host: string, ...args: string[]) =>
  curl('--connect-to', `${host}:${port}:127.0.0.1:${port}`, ...args, `https://${host}:${port}/open/echo/x`);

const echo = (host: string, fields = '') =>
  `GET /open/echo/x HTTP/1.1\r\nhost: ${host}\r\n${fields}connection: close\r\n\r\n`;
async function askOver(socket: TLSSocket, host: string, fields = ''): Promise<string> {
  const answer = rest(socket);
  socket.write(echo(host, fields));
  return answer;
}
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
const metric = async (start: string) => {
  const text = await (await gateway.admin('/metrics')).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(start))
      ?.split(' ')
      .at(-1) ?? Number.NaN,
  );
};
const until = async (holds: () => Promise<boolean>) => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
};

describe('clients that verify what they are shown', () => {
  test('curl, by name, by wildcard and by address', async () => {
    for (const host of ['main.test', 'shop.test', 'eu.shop.test', '127.0.0.1']) {
      const { text, code } = await curlTo(ports[1]!, host, '-w', '%{http_code} %{ssl_verify_result}');
      assert.equal(code, 0, text);
      assert.match(text, /200 0$/, host);
    }
  });

  test("Node's https, on a connection that is kept", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = () =>
      new Promise<number>((resolve, reject) => {
        const to = { host: '127.0.0.1', port: ports[1], path: '/open/echo/x', servername: 'main.test' };
        const headers = { host: 'main.test' };
        request({ ...to, headers, agent, ca: authority.ca }, (answer) => {
          answer.resume().on('end', () => resolve(answer.statusCode!));
        })
          .on('error', reject)
          .end();
      });
    assert.deepEqual([await ask(), await ask()], [200, 200]);
    agent.destroy();
  });

  test('openssl: the chain verifies, TLS 1.1 does not connect', async () => {
    const args = [
      's_client',
      '-connect',
      `127.0.0.1:${ports[1]}`,
      '-servername',
      'shop.test',
      '-CAfile',
      'ca.pem',
    ];
    const { text } = await run('openssl', [...args, '-ign_eof'], echo('shop.test'));
    assert.match(text, /Verify return code: 0 \(ok\)/);
    assert.match(text, /HTTP\/1\.1 200 /);
    const old = await run('openssl', [...args, '-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'], '');
    assert.match(old.text, /alert protocol version|no protocols available/);
  });

  test('one that writes its key over TLS is served as over plain text', async () => {
    const body = JSON.stringify({
      model: 'o/gpt-sim',
      messages: [{ role: 'user', content: 'x' }],
      stream: true,
    });
    const { text } = await curl(
      ...['--connect-to', `main.test:${ports[1]}:127.0.0.1:${ports[1]}`, '-N', '-d', body],
      ...['-H', `authorization: Bearer ${testKey}`, '-H', 'content-type: application/json'],
      `https://main.test:${ports[1]}/v1/chat/completions`,
    );
    assert.match(text, /data: \[DONE\]/);
  });

  test('a session of one thread goes on with the other', async () => {
    const first = await secured(ports[1]!, { servername: 'main.test' });
    const ticket = once(first, 'session') as Promise<[Buffer]>;
    await askOver(first, 'main.test');
    const [session] = await ticket;
    // Connections are spread by a hash of their ports: twenty of them do not all go to one of two threads.
    for (let i = 0; i < 20; i++) {
      const next = await secured(ports[1]!, { servername: 'main.test', session });
      assert.ok(next.isSessionReused(), `connection ${i}`);
      assert.equal(statusOf(await askOver(next, 'main.test')), 200);
    }
  });
});

describe('HTTP/2', () => {
  const version = ['-w', '%{http_code} %{http_version}'];

  test('is agreed upon with curl, and left to it', async () => {
    assert.match((await curlTo(ports[1]!, 'main.test', '--http2', ...version)).text, /200 2$/);
    assert.match((await curlTo(ports[1]!, 'main.test', '--http1.1', ...version)).text, /200 1\.1$/);
  });

  test('is known beforehand on the plain port, beside HTTP/1.1', async () => {
    const url = `http://127.0.0.1:${ports[0]}/open/echo/x`;
    assert.match((await curl('--http2-prior-knowledge', ...version, url)).text, /200 2$/);
    assert.match((await curl(...version, url)).text, /200 1\.1$/);
  });

  test('comes behind a PROXY header, under TLS', async () => {
    const asked = gateway.simulator.calls().length;
    const { text } = await curlTo(ports[4]!, 'main.test', '--http2', '--haproxy-protocol', ...version);
    assert.match(text, /200 2$/);
    assert.equal(gateway.simulator.calls()[asked]!.requestHeaders!['x-forwarded-for'], '127.0.0.1');
  });

  test('has the client’s certificate, too: none, no connection', async () => {
    const cert = ['--cert', 'robot.pem', '--key', 'robot.key'];
    assert.match((await curlTo(ports[2]!, 'main.test', '--http2', ...cert, ...version)).text, /200 2$/);
    assert.notEqual((await curlTo(ports[2]!, 'main.test', '--http2')).code, 0);
  });

  test('knows hosts of another certificate (security 16)', async () => {
    const session = connectHttp2(`https://main.test:${ports[1]}`, { host: '127.0.0.1', ca: authority.ca });
    const statusFor = async (authorityName: string) => {
      const stream = session.request({ ':path': '/open/echo/x', ':authority': authorityName });
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      stream.resume();
      return headers[':status'];
    };
    assert.equal(await statusFor('main.test'), 200);
    assert.equal(await statusFor('shop.test'), 421);
    assert.equal(await statusFor('main.test'), 200);
    session.close();
    await once(session, 'close');
  });
});

describe('security 16: the host is one that the connection was opened to', () => {
  for (const [servername, host, status] of [
    ['main.test', 'main.test', 200],
    ['main.test', 'MAIN.test.', 200],
    ['main.test', 'shop.test', 421],
    ['main.test', 'Shop.Test.:8443', 421],
    ['eu.shop.test', 'us.shop.test', 200],
    ['shop.test', 'main.test', 421],
    ['', 'shop.test', 421],
    ['', '127.0.0.1', 200],
  ] as const)
    test(`${servername || 'no name'}, then ${host}: ${status}`, async () => {
      const socket = await secured(ports[1]!, { servername });
      const answer = await askOver(socket, host);
      assert.equal(statusOf(answer), status);
      if (status === 421) assert.match(answer, /connection: close/);
    });

  test('the plain listener beside it knows no such bounds', async () => {
    const socket = connect(ports[0]!, '127.0.0.1');
    const answer = rest(socket);
    socket.write(echo('shop.test'));
    assert.equal(statusOf(await answer), 200);
  });
});

describe('security 30: handshakes that do not come to an end', () => {
  test('hold nobody up, and are ended', async () => {
    const before = await metric(
      `sluice_client_connections_refused_total{listener="127.0.0.1:0#2",reason="timeout"}`,
    );
    const idle = Array.from({ length: 100 }, () => connect(ports[1]!, '127.0.0.1'));
    const ended = idle.map(rest);
    for (const socket of idle) socket.write(Buffer.from('160301', 'hex'));
    const { text } = await curlTo(ports[1]!, 'main.test', '-w', '%{http_code}');
    assert.match(text, /200$/);
    await Promise.all(ended);
    await until(async () => (await metric('sluice_client_connections{listener="127.0.0.1:0#2"}')) === 0);
    const refused = 'sluice_client_connections_refused_total{listener="127.0.0.1:0#2",reason="timeout"}';
    assert.equal(await metric(refused), before + 100);
  });

  test('an established connection that says nothing, or half a head, is not waited for either', async () => {
    const standard = standardConfig(gateway.simulator.url);
    const limits = { headTimeout: '500ms' };
    const other = await startTestGateway({
      simulator: gateway.simulator,
      config: { ...standard, listen: { port: 0, tls }, limits },
    });
    try {
      const silent = await secured(other.port, { servername: 'main.test' });
      const slow = await secured(other.port, { servername: 'main.test' });
      slow.write('GET / HTTP/1.1\r\nhost: ma');
      const [nothing, late] = await Promise.all([rest(silent), rest(slow)]);
      assert.equal(nothing, '');
      assert.equal(statusOf(late), 408);
    } finally {
      await other.stop();
    }
  });
});

describe('security 49: certificates', () => {
  test('no name: the default, or nothing where names are asked for', async () => {
    const socket = await secured(ports[1]!, { servername: '' });
    assert.equal(
      socket.getPeerX509Certificate()!.fingerprint256,
      new X509Certificate(main.cert).fingerprint256,
    );
    socket.destroy();
    const strict = connectTls({ port: ports[3]!, host: '::1', rejectUnauthorized: false });
    assert.equal(await rest(strict), '');
    const named = { port: ports[3]!, host: '::1', rejectUnauthorized: false };
    assert.equal(await rest(connectTls({ ...named, servername: 'unknown.test' })), '');
    const known = await secured(ports[3]!, { host: '::1', servername: 'main.test' });
    assert.equal(statusOf(await askOver(known, 'main.test')), 200);
  });

  test('an expired one is served, is refused by clients, and is shown in the metrics', async () => {
    const { code, text } = await curlTo(ports[1]!, 'old.test');
    assert.equal(code, 60, text);
    assert.match(text, /expired/);
    const left = await metric(
      'sluice_certificate_expiry_seconds{listener="127.0.0.1:0#2",certificate="old.test"}',
    );
    assert.ok(left < -86_400 * 365, String(left));
    const good = 'sluice_certificate_expiry_seconds{listener="127.0.0.1:0#2",certificate="main.test"}';
    assert.ok((await metric(good)) > 86_400 * 365);
  });

  test('mTLS: one of the authority lets in; none, a forged one and what is only claimed do not', async () => {
    const withPair = (name: string) => ['--cert', `${name}.pem`, '--key', `${name}.key`];
    const good = await curlTo(ports[2]!, 'main.test', ...withPair('robot'), '-w', '%{http_code}');
    assert.match(good.text, /200$/);
    const asked = gateway.simulator.calls().length;
    const none = await curlTo(ports[2]!, 'main.test');
    assert.notEqual(none.code, 0);
    const forged = await curlTo(ports[2]!, 'main.test', ...withPair('forged'));
    assert.notEqual(forged.code, 0);
    const claimed = await secured(ports[2]!, { servername: 'main.test' }).then(
      (socket) =>
        askOver(socket, 'main.test', `client-cert: :${Buffer.from(robot.cert).toString('base64')}:\r\n`),
      () => '',
    );
    assert.equal(claimed, '');
    assert.equal(gateway.simulator.calls().length, asked);
  });

  test('what a stranger says of its certificate reaches no upstream', async () => {
    const fields = [
      'Client-Cert',
      'X-SSL-Client-Verify',
      'X-Forwarded-Client-Cert',
      'X-Client-Cert',
      'X_SSL_CLIENT_DN',
    ];
    const socket = await secured(ports[1]!, { servername: 'main.test' });
    const asked = gateway.simulator.calls().length;
    await askOver(socket, 'main.test', fields.map((name) => `${name}: robot\r\n`).join(''));
    const told = gateway.simulator
      .calls()
      .slice(asked)
      .map(({ requestHeaders }) => requestHeaders!);
    assert.equal(told.length, 1);
    assert.equal(told[0]!['x-forwarded-proto'], 'https');
    assert.doesNotMatch(JSON.stringify(told), /robot/);
  });

  test('behind a proxy that names the client first', async () => {
    const plain = connect(ports[4]!, '127.0.0.1');
    plain.write('PROXY TCP4 192.0.2.33 127.0.0.1 4711 443\r\n');
    const socket = connectTls({ socket: plain, servername: 'main.test', ca: authority.ca });
    await once(socket, 'secureConnect');
    const asked = gateway.simulator.calls().length;
    assert.equal(statusOf(await askOver(socket, 'main.test')), 200);
    assert.equal(gateway.simulator.calls()[asked]!.requestHeaders!['x-forwarded-for'], '192.0.2.33');
  });
});
