/** Routes that serve nothing which cannot be recorded, and those that only count what was not. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startInProcess, type InProcessGateway } from '../harness/in-process-gateway.ts';
import { startJsonUpstream, type JsonUpstream } from '../harness/json-upstream.ts';

let upstream: JsonUpstream;
let gateway: InProcessGateway;
before(async () => {
  upstream = await startJsonUpstream((response, { body }) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ said: body, token: 'to be masked' }));
  });
  const content = { content: 'both', maxBytes: '1KiB', mask: { fields: ['token'] } };
  const route = (name: string, audit: object) => ({
    ...{ name, match: { path: `/${name}/**` }, to: { http: upstream.url } },
    policies: [{ audit }],
  });
  const routes = [route('strict', { ...content, onOverflow: 'refuse' }), route('loose', content)];
  gateway = await startInProcess({ log: { access: false }, routes }, { name: 'nothing', summary: 'nothing' });
});
after(async () => {
  await gateway.stop();
  await upstream.close();
});

const post = (path: string, body: string) =>
  fetch(`${gateway.url}${path}`, { method: 'POST', headers: { 'content-type': 'text/plain' }, body });

test('security 41: while the log has no room, what must be recorded is refused before any upstream is asked', async () => {
  gateway.auditRoom.isThere = false;
  const before = upstream.count;
  const refused = await post('/strict/x', 'hello');
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '5');
  assert.equal(((await refused.json()) as { code: string }).code, 'audit/unavailable');
  assert.equal(upstream.count, before);
  assert.equal((await post('/loose/x', 'hello')).status, 200);
  gateway.auditRoom.isThere = true;
  assert.equal((await post('/strict/x', 'hello')).status, 200);
  const kept = gateway.audited.map(({ route, mustKeep }) => [route, mustKeep]);
  assert.deepEqual(kept, [
    ['strict', false],
    ['loose', false],
    ['strict', true],
  ]);
});

test('bodies of http routes are recorded as the client was given them: masked, cut, with size and digest', async () => {
  await (await post('/loose/y', 'x'.repeat(3000))).text();
  const entry = gateway.audited.at(-1)!;
  const { request, answer } = JSON.parse(entry.content!) as Record<
    'request' | 'answer',
    { bytes: number; sha256: string; text: string; truncated?: boolean; complete?: boolean }
  >;
  assert.deepEqual([request.bytes, request.text.length, request.truncated], [3000, 1024, true]);
  assert.match(request.sha256, /^[0-9a-f]{64}$/);
  assert.ok(answer.bytes > 3000);
  // Broken off in the middle it cannot be searched for members.
  assert.equal(answer.text, '[masked]');
  assert.deepEqual([answer.truncated, answer.complete], [true, true]);
  await (await post('/loose/y', 'short')).text();
  const short = JSON.parse(gateway.audited.at(-1)!.content!) as { answer: { text: string } };
  assert.equal(short.answer.text, '{"said":"short","token":"[masked]"}');
});
