import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer as createPlain, type Server } from 'node:net';
import { describe, test } from 'node:test';
import { createServer as createTls } from 'node:tls';
import type { BodySink, BodySource, Origin } from '#core/contracts/upstream.ts';
import { makeCertificates } from '../testing/certificates.ts';
import {
  okAnswer,
  originOf,
  rawServer,
  requestTo,
  send,
  testUpstream,
  until,
} from './testing/test-upstream.ts';

const limits = { timeout: 30_000 };
const certificates = makeCertificates();
const tls = { ca: certificates.ca, cert: null, key: null };
const transports: Record<string, { server: () => Server; origin: Partial<Origin> }> = {
  TCP: { server: () => createPlain(), origin: {} },
  TLS: { server: () => createTls(certificates.good), origin: { secure: true, host: 'localhost', tls } },
};
/** Far more than the kernel's buffers hold between two sockets of this machine (some 10 MB at most). */
const totalBytes = 64 * 1024 * 1024;
const pieceBytes = 64 * 1024;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Resolves when the count has not moved for many turns of the loop: nothing moves it any more. */
async function settled(count: () => number): Promise<number> {
  let last = -1;
  for (let still = 0; still < 2000; still++) {
    if (count() !== last) still = 0;
    last = count();
    await turn();
  }
  return last;
}

/**
 * A body that gives a piece each turn, as long as it is not held back; `digest` is of what must be on the wire. Its bytes
 * differ, so that none can be lost unseen.
 */
function pump(lengthBytes: number | null) {
  const seen = { given: 0, pauses: 0, resumes: 0, held: false };
  const digest = createHash('sha256');
  const run = async (sink: BodySink): Promise<void> => {
    for (let i = 0; seen.given < totalBytes; i++) {
      while (seen.held) await turn();
      const piece = Buffer.alloc(pieceBytes, i % 251);
      digest.update(lengthBytes === null ? `${piece.length.toString(16)}\r\n` : '').update(piece);
      if (lengthBytes === null) digest.update('\r\n');
      seen.given += piece.length;
      sink.onData(piece);
      await turn();
    }
    if (lengthBytes === null) digest.update('0\r\n\r\n');
    sink.onEnd();
  };
  const body: BodySource = {
    lengthBytes,
    open: (sink) => void run(sink),
    pause: () => {
      assert.ok(!seen.held, 'held back twice');
      seen.held = true;
      seen.pauses++;
    },
    resume: () => {
      assert.ok(seen.held, 'let go without having been held back');
      seen.held = false;
      seen.resumes++;
    },
  };
  return { body, seen, digest: () => digest.digest('hex') };
}

for (const [name, transport] of Object.entries(transports)) {
  describe(`${name}: nobody has to take more than they can`, limits, () => {
    for (const length of [totalBytes, null]) {
      const how = length === null ? 'chunks' : 'length';
      test(`a slow upstream holds the request's body back, and lets it go on (by ${how})`, async (t) => {
        const upstream = testUpstream(t);
        const digest = createHash('sha256');
        let head = '';
        let last = '';
        let taken = 0;
        const server = await rawServer(
          t,
          (socket) => {
            socket.pause();
            socket.on('data', (chunk: Buffer) => {
              const from = head.endsWith('\r\n\r\n') ? 0 : chunk.indexOf('\r\n\r\n') + 4;
              head += chunk.toString('latin1', 0, from);
              digest.update(chunk.subarray(from));
              taken += chunk.length - from;
              last = chunk.toString('latin1', chunk.length - 5);
            });
          },
          transport.server(),
        );
        const { body, seen, digest: given } = pump(length);
        const sent = send(
          upstream,
          requestTo(originOf(server.port, transport.origin), { method: 'POST', body }),
        );
        await until(() => server.sockets.length === 1 && seen.given > 0);
        const held = await settled(() => seen.given);
        assert.ok(held < totalBytes / 2, `${held} bytes were taken from a body that nobody reads`);
        assert.equal(seen.pauses, seen.resumes + 1);
        assert.deepEqual(sent.outcome.events, []);

        server.sockets[0]!.resume();
        // An answer before the end of the request would make the client give up the rest.
        await until(() => taken >= totalBytes && (length !== null || last === '0\r\n\r\n'));
        server.sockets[0]!.write(okAnswer('thanks'));
        const outcome = await sent.done;
        assert.deepEqual([outcome.body, outcome.fault], ['thanks', null]);
        assert.equal(seen.pauses, seen.resumes);
        assert.equal(digest.digest('hex'), given());
        assert.deepEqual(upstream.stats(), { open: 1, idle: 1, active: 0 });
      });
    }

    test('a slow reader holds the upstream back, and lets it go on', async (t) => {
      const upstream = testUpstream(t);
      let given = 0;
      const server = await rawServer(
        t,
        (socket) => {
          const write = () => {
            while (given < totalBytes) {
              given += pieceBytes;
              if (!socket.write(Buffer.alloc(pieceBytes, given / pieceBytes))) break;
            }
          };
          socket.on('drain', write);
          socket.once('data', () => {
            socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${totalBytes}\r\n\r\n`);
            write();
          });
        },
        transport.server(),
      );
      let taken = 0;
      let isHeld = true;
      let whileHeld = 0;
      const call = upstream.start(requestTo(originOf(server.port, transport.origin)), {
        onHead: () => call.pause(),
        onData(chunk) {
          taken += chunk.length;
          if (isHeld) whileHeld++;
        },
        onEnd: () => void (taken = taken === totalBytes ? Infinity : NaN),
        onFault: (fault) => assert.fail(fault),
      });
      await until(() => given > 0);
      const held = await settled(() => given);
      assert.ok(held < totalBytes / 2, `${held} bytes were taken for a reader that does not read`);
      assert.ok(whileHeld <= 2, `${whileHeld} reads came while nobody wanted them`);
      isHeld = false;
      call.resume();
      await until(() => taken === Infinity);
      assert.deepEqual(upstream.stats(), { open: 1, idle: 1, active: 0 });
    });
  });
}
