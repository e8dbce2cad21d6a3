import assert from 'node:assert/strict';
import { request } from 'node:https';
import { after, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { startAdmin } from '#admin/index.ts';
import { control } from '../../src/admin/testing/control.ts';
import { makeAuthority } from '../../src/transport/testing/authority.ts';

const authority = makeAuthority();
after(() => authority[Symbol.dispose]());
const audit = { failure: null, write: async () => undefined };
const issue = () => ({
  ...authority.issue({ alternatives: 'DNS:localhost,IP:127.0.0.1' }),
  ...{ names: [], notBeforeMs: 0, notAfterMs: 0, minVersion: 'TLSv1.3' as const },
});

test('the admin port speaks TLS, shows a renewed certificate, and nothing in plain text', async (t) => {
  const admin = await startAdmin({ host: '127.0.0.1', port: 0, control, audit, tls: issue() });
  t.after(() => admin.close());
  const ask = (options: object = {}) =>
    new Promise<{ status: number; serial: string; protocol: string | null }>((resolve, reject) => {
      const sent = request(
        {
          ...{ host: '127.0.0.1', port: admin.port, path: '/v1/status', ca: authority.ca, agent: false },
          headers: { authorization: 'Bearer right' },
          ...options,
        },
        (answer) => {
          const socket = answer.socket as TLSSocket;
          const { serialNumber: serial } = socket.getPeerCertificate();
          answer
            .resume()
            .on('end', () => resolve({ status: answer.statusCode!, serial, protocol: socket.getProtocol() }));
        },
      );
      sent.on('error', reject);
      sent.end();
    });
  const first = await ask();
  assert.deepEqual([first.status, first.protocol], [200, 'TLSv1.3']);
  await assert.rejects(ask({ maxVersion: 'TLSv1.2' }));
  await assert.rejects(ask({ ca: undefined }), /certificate/);
  await assert.rejects(fetch(`http://127.0.0.1:${admin.port}/healthz`));
  admin.renew(issue());
  const second = await ask();
  assert.equal(second.status, 200);
  assert.notEqual(second.serial, first.serial);
});
