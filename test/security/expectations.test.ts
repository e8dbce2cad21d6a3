import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';
import {
  askedMeanwhile,
  bodyOf,
  framed,
  message,
  rawRequest,
  routeKinds,
  statusesIn,
} from '../harness/route-kinds.ts';

let gateway: TestGateway;
before(async () => (gateway = await startTestGateway()));
after(() => gateway.stop());

const expecting = 'Expect: 100-continue';
const unknown = ['Authorization: Bearer sk-nobody'];

describe('security 9: Expect, and answers that come before the body', () => {
  for (const kind of routeKinds) {
    test(`100 comes after authentication and before the answer (${kind})`, async () => {
      const fields = framed(kind, expecting);
      const refused = await sendRaw(
        gateway.port,
        rawRequest(kind, { fields, credential: unknown, body: '' }),
      );
      assert.deepEqual(statusesIn(refused.text), ['401']);
      assert.ok(!refused.text.includes('100 Continue'));
      assert.ok(refused.closed);
      const admitted = await sendRaw(gateway.port, rawRequest(kind, { fields }));
      assert.match(admitted.text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    });

    test(`the upstream is never asked to expect (${kind})`, async () => {
      const { calls } = await askedMeanwhile(gateway, () =>
        sendRaw(gateway.port, rawRequest(kind, { fields: framed(kind, 'expect: 100-Continue') })),
      );
      assert.equal(calls.length, 1);
      assert.equal(calls[0]!.requestHeaders!['expect'], undefined);
    });

    const others: Record<string, readonly [string, readonly string[]]> = {
      'another expectation': ['417', ['Expect: coffee']],
      'a list of expectations': ['417', ['Expect: 100-continue, 100-continue']],
      'an expectation with a parameter': ['417', ['Expect: 100-continue;x']],
      'an empty expectation': ['417', ['Expect: ']],
      'the expectation twice': ['400', [expecting, expecting]],
    };
    for (const [what, [status, fields]] of Object.entries(others))
      test(`${what} is ${status}, and reaches nobody (${kind})`, async () => {
        const { result, calls } = await askedMeanwhile(gateway, () =>
          sendRaw(gateway.port, rawRequest(kind, { fields: framed(kind, ...fields) })),
        );
        assert.deepEqual(statusesIn(result.text), [status], result.text);
        assert.ok(result.closed);
        assert.equal(calls.length, 0);
      });

    test(`a client of HTTP/1.0 gets no 100 (${kind})`, async () => {
      const request = rawRequest(kind, { fields: framed(kind, expecting) });
      const { text } = await sendRaw(gateway.port, request.replace(' HTTP/1.1', ' HTTP/1.0'));
      assert.match(text, /^HTTP\/1\.1 200 /);
    });

    test(`an answer before the body is the last: nothing of the body is read as a request (${kind})`, async () => {
      const smuggled = message(['GET /open/echo/after HTTP/1.1', 'Host: a']).repeat(20);
      for (const fields of [
        [`Content-Length: ${smuggled.length + 50_000}`],
        [`Content-Length: ${smuggled.length + 50_000}`, expecting],
        ['Transfer-Encoding: chunked'],
      ]) {
        const chunk = `${(smuggled.length + 50_000).toString(16)}\r\n${smuggled}`;
        const body = fields[0]!.startsWith('T') ? chunk : smuggled;
        const { result, calls } = await askedMeanwhile(gateway, () =>
          sendRaw(gateway.port, rawRequest(kind, { fields, credential: unknown, body }), 1500),
        );
        assert.deepEqual(statusesIn(result.text), ['401']);
        assert.ok(result.closed);
        assert.equal(calls.length, 0);
      }
    });

    test(`a body that came whole before it was refused leaves the connection usable (${kind})`, async () => {
      const fields = [`Content-Length: ${Buffer.byteLength(bodyOf(kind))}`];
      const { text } = await sendRaw(
        gateway.port,
        rawRequest(kind, { fields, credential: unknown }) + rawRequest(kind),
      );
      assert.deepEqual(statusesIn(text), ['401', '200']);
    });
  }
});
