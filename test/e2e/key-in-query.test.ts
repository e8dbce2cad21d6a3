import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({ config: { policies: [{ 'key-auth': { query: 'key' } }] } });
});
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

test('security 26: the parameter opens an http route, and is not forwarded, however it is written', async () => {
  for (const name of ['key', '%6bey', 'k%65y']) {
    const answer = await fetch(`${gateway.url}/api/echo/x?a=1&${name}=${testKey}&b=%20`);
    assert.equal(answer.status, 200, name);
    const text = await answer.text();
    assert.doesNotMatch(text, /sk-test/);
    assert.match(text, /a=1&b=%20/);
  }
});

test('it is one of several places, and two keys that differ are refused', async () => {
  const ask = (query: string, headers: Record<string, string>) =>
    fetch(`${gateway.url}/api/echo/x${query}`, { headers }).then(({ status }) => status);
  assert.equal(await ask(`?key=${testKey}`, { 'x-goog-api-key': testKey }), 200);
  assert.equal(await ask('', { 'api-key': testKey }), 200);
  assert.equal(await ask('', { 'x-goog-api-key': testKey }), 200);
  assert.equal(await ask(`?key=${testKey}`, { 'x-goog-api-key': 'another' }), 401);
  assert.equal(await ask(`?key=${testKey}&key=another`, {}), 401);
  assert.equal(await ask('?key=', {}), 401);
  assert.equal(await ask('', {}), 401);
});
