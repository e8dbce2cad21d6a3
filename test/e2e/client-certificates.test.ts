import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeAuthority, type Pair } from '../../src/transport/testing/authority.ts';
import { sendRaw } from '../harness/raw-socket.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

const authority = makeAuthority();
const folder = mkdtempSync(join(tmpdir(), 'sluice-certificates-'));
const server = authority.issue({ alternatives: 'DNS:main.test,IP:127.0.0.1' });
const robot = authority.issue({ subject: '/C=DE/O=Acme/CN=robot', alternatives: 'DNS:robot.test' });
const sensor = authority.issue({ alternatives: 'DNS:sensor.test,URI:spiffe://acme.test/sensor' });
const pinned = authority.issue({ alternatives: 'DNS:pinned.test' });
const unknown = authority.issue({ alternatives: 'DNS:unknown.test' });
const both = authority.issue({ alternatives: 'DNS:two.test,URI:spiffe://acme.test/sensor,DNS:pin2.test' });
const fingerprint = (pair: Pair) => new X509Certificate(pair.cert).fingerprint256;
const derOf = (pair: Pair) => `:${new X509Certificate(pair.cert).raw.toString('base64')}:`;

let gateway: TestGateway;
let ports: readonly number[];
before(async () => {
  writeFileSync(join(folder, 'main.pem'), server.cert);
  writeFileSync(join(folder, 'main.key'), server.key);
  writeFileSync(join(folder, 'ca.pem'), authority.ca);
  const file = (name: string) => `\${file:${join(folder, name)}}`;
  const tls = {
    certificates: [{ cert: file('main.pem'), key: file('main.key') }],
    clientAuth: { ca: file('ca.pem'), mode: 'request' },
  };
  gateway = await startTestGateway({
    config: {
      listen: [{ port: 0, tls }, { port: 0, trustedProxies: ['127.0.0.1'] }, { port: 0 }],
      routes: Object.entries({
        tls: [{ 'mtls-auth': {} }],
        proxied: [{ 'mtls-auth': { header: true } }],
        any: [{ 'any-auth': { any: ['key-auth', 'mtls-auth'] } }],
      }).map(([name, policies]) => ({
        ...{ name, match: { path: `/${name}/**` }, policies },
        to: { static: { status: 200, body: name } },
      })),
      consumers: {
        robot: { project: 'web', certificates: [{ subject: 'C=DE,O=Acme,CN=robot' }] },
        sensor: { project: 'web', certificates: [{ san: 'URI:spiffe://acme.test/sensor' }] },
        pinned: { project: 'web', certificates: [{ sha256: fingerprint(pinned) }, { san: 'DNS:pin2.test' }] },
      },
    },
  });
  ({ ports } = gateway.running);
});
after(async () => {
  await gateway.stop();
  authority[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

function askTls(path: string, pair: Pair | null, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { ca: authority.ca, servername: 'main.test', headers, agent: false, ...pair };
    request(`https://127.0.0.1:${ports[0]}${path}`, options, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode!));
    })
      .on('error', reject)
      .end();
  });
}
const askPlain = (port: number, headers: Record<string, string>) =>
  fetch(`http://127.0.0.1:${port}/proxied/`, { headers }).then(({ status }) => status);

test('a client is whose certificate it shows, by subject, by a name, by its fingerprint', async () => {
  for (const pair of [robot, sensor, pinned]) assert.equal(await askTls('/tls/', pair), 200);
});

test('no certificate, one of nobody, and one of two are 401', async () => {
  for (const pair of [null, unknown, both]) assert.equal(await askTls('/tls/', pair), 401);
});

test('beside keys: the first that a credential comes for decides', async () => {
  assert.equal(await askTls('/any/', robot), 200);
  assert.equal(await askTls('/any/', null, { authorization: `Bearer ${testKey}` }), 200);
  assert.equal(await askTls('/any/', robot, { authorization: 'Bearer sk-wrong' }), 401);
  assert.equal(await askTls('/any/', null), 401);
});

test("a certificate in a header is one by a trusted proxy's word alone, and where that is said", async () => {
  const [, trusted, stranger] = ports;
  assert.equal(await askPlain(trusted!, { 'client-cert': derOf(robot) }), 200);
  assert.equal(await askPlain(stranger!, { 'client-cert': derOf(robot) }), 401);
  assert.equal(await askPlain(trusted!, {}), 401);
  assert.equal(await askTls('/tls/', null, { 'client-cert': derOf(robot) }), 401);
  // The connection's own certificate is not replaced by a claim to another one.
  assert.equal(await askTls('/proxied/', unknown, { 'client-cert': derOf(robot) }), 401);
  const twice = `GET /proxied/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${`client-cert: ${derOf(robot)}\r\n`.repeat(2)}\r\n`;
  assert.equal((await sendRaw(trusted!, twice)).status, 401);
  for (const none of [
    '',
    ':AAAA:',
    derOf(robot).slice(1),
    `${derOf(robot)}, ${derOf(sensor)}`,
    'x'.repeat(9000),
  ])
    assert.equal(await askPlain(trusted!, { 'client-cert': none }), 401, none.slice(0, 40));
});
