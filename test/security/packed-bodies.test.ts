import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { startRawUpstream, type RawUpstream } from '../harness/raw-upstream.ts';

const limitBytes = 100_000;
let gateway: TestGateway;
let liar: RawUpstream;
let answer: { head: string; body: Buffer };
before(async () => {
  liar = await startRawUpstream((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\n${answer.head}\r\ntransfer-encoding: chunked\r\n\r\n`);
    socket.write(`${answer.body.length.toString(16)}\r\n`);
    socket.write(answer.body);
    // It stays open: whoever waits for its end waits.
    socket.write('\r\n');
  });
  const providers = {
    o: { dialect: 'openai-chat', baseUrl: `${liar.url}/v1`, apiKey: 'sk-upstream', prefixes: ['liar-'] },
  };
  gateway = await startTestGateway();
  const config = {
    providers: {
      o: {
        dialect: 'openai-chat',
        baseUrl: `${gateway.simulator.url}/v1`,
        apiKey: 'sk-upstream',
        prefixes: ['gpt-'],
      },
      liar: { ...providers.o },
    },
    prices: {},
    routes: [{ name: 'llm', match: { path: '/v1/**' }, bodyLimit: limitBytes, to: { llm: {} } }],
  };
  await gateway.stop();
  gateway = await startTestGateway({ config });
});
after(async () => {
  await gateway.stop();
  await liar.close();
});
