import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { parseEvents, readJson } from './probe.ts';
import type { WireJson } from './probe.ts';
import { startSimulator } from './server.ts';
import type { Simulator } from './server.ts';

interface EchoJson {
  method: string;
  url: string;
  rawHeaders: string[];
  bodyLength: number;
  bodySha256: string;
  body: string;
}

let simulator: Simulator;
before(async () => {
  simulator = await startSimulator();
});
after(() => simulator.close());

describe('plain routes', () => {
  it('echoes what arrived, and a scripted status', async () => {
    const response = await fetch(`${simulator.url}/echo/a/b?c=1&simulate={"status":503,"retryAfter":1}`, {
      method: 'PUT',
      headers: { 'X-Case': 'Kept' },
      body: 'héllo',
    });
    assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '1']);
    const echo = await readJson<EchoJson>(response);
    assert.equal(echo.method, 'PUT');
    assert.ok(echo.url.startsWith('/echo/a/b?c=1'));
    assert.equal(echo.body, 'héllo');
    assert.equal(echo.bodyLength, 6);
    assert.equal(echo.bodySha256, createHash('sha256').update('héllo').digest('hex'));
    assert.ok(echo.rawHeaders.includes('Kept'));
  });

  it('mirrors a body and counts out bytes', async () => {
    const body = Buffer.alloc(300_000, 'abc');
    const mirrored = await fetch(`${simulator.url}/mirror`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'x/y' },
    });
    assert.equal(mirrored.headers.get('content-type'), 'x/y');
    assert.ok(Buffer.from(await mirrored.arrayBuffer()).equals(body));
    const bytes = Buffer.from(await (await fetch(`${simulator.url}/bytes/100000?chunk=777`)).arrayBuffer());
    assert.equal(bytes.length, 100_000);
    assert.ok(bytes.every((byte, index) => byte === (index & 0xff)));
  });

  it('streams plain events', async () => {
    const text = await (await fetch(`${simulator.url}/sse?count=3`)).text();
    assert.deepEqual(
      parseEvents(text).map(({ data }) => data),
      ['{"index":0}', '{"index":1}', '{"index":2}'],
    );
  });

  it('upgrades and echoes raw bytes, those sent with the request too', async () => {
    const socket = connect(simulator.port, '127.0.0.1');
    socket.write('GET /upgrade-echo HTTP/1.1\r\nHost: s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n');
    // The key and its answer are the example of RFC 6455, section 1.3.
    socket.write('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nearly');
    let text = '';
    socket.on('data', (part) => {
      text += part.toString();
      if (text.endsWith('early')) socket.write('-late');
      if (text.endsWith('-late')) socket.end();
    });
    await once(socket, 'close');
    assert.match(text, /^HTTP\/1\.1 101 /);
    assert.match(text, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
    assert.ok(text.endsWith('\r\n\r\nearly-late'));
  });

  it('lists models and refuses unknown paths in the shape of the asking vendor', async () => {
    const anthropic = { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' };
    const ask = async (path: string, headers: Record<string, string>): Promise<WireJson> =>
      readJson(fetch(simulator.url + path, { headers }));
    assert.equal((await ask('/v1/models', { authorization: 'Bearer k' })).object, 'list');
    assert.equal((await ask('/v1/models', anthropic)).has_more, false);
    assert.equal((await ask('/v1/nothing', anthropic)).error.type, 'not_found_error');
    assert.equal((await ask('/v1/nothing', {})).error.code, 'unknown_url');
    assert.equal((await fetch(`${simulator.url}/v1/messages`)).status, 405);
  });
});
