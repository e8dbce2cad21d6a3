/** What people watch: the feed of what passes, receipts in lists, and the page where the console is not built. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { after, test } from 'node:test';
import type { LiveFigures } from '#core/live-figures.ts';
import { startAdmin } from './index.ts';
import { asked, control } from './testing/control.ts';

let atMs = 0;
const figures = (): LiveFigures => ({
  ...{ atMs, overMs: null, openStreams: 1, connections: 2, boundsSeconds: [1] },
  routes: [{ route: 'llm', outcomes: { completed: atMs / 1000 }, durations: [atMs / 1000, 0] }],
  ...{ targets: [], usage: [] },
});
const admin = await startAdmin({
  ...{ host: '127.0.0.1', port: 0, consoleDirectory: '/nowhere' },
  control: {
    ...control,
    async live() {
      atMs += 1000;
      return figures();
    },
  },
  audit: { failure: null, write: async () => undefined },
});
after(() => admin.close());
const ask = (path: string, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${admin.port}${path}`, {
    redirect: 'manual',
    headers: { authorization: 'Bearer right', ...headers },
  });

test('all that was counted as a document; what is new as events, the first of which is empty', async () => {
  const whole = (await (await ask('/v1/live')).json()) as LiveFigures;
  assert.deepEqual(whole, { ...figures(), atMs: 1000 });
  const stream = await ask('/v1/live', { accept: 'text/event-stream' });
  assert.match(stream.headers.get('content-type')!, /^text\/event-stream/);
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (text.split('\n\n').length < 3) text += (await reader.read()).value;
  await reader.cancel();
  const [first, second] = text
    .split('\n\n')
    .slice(0, 2)
    .map((event) => JSON.parse(event.slice('data: '.length)) as LiveFigures);
  assert.deepEqual([first!.overMs, first!.routes], [0, []]);
  assert.deepEqual([second!.overMs, second!.routes[0]!.outcomes], [1000, { completed: 1 }]);
});

test('receipts are narrowed by what is said, and by the teams of whoever asks', async () => {
  const answer = await ask('/v1/receipts?project=p&outcome=timeout&from=2026-01-01&limit=7&cursor=90');
  assert.deepEqual(await answer.json(), { receipts: [], next: '7' });
  assert.deepEqual(asked.at(-1), {
    where: { project: 'p', outcome: 'timeout' },
    ...{ fromMs: Date.UTC(2026, 0, 1), toMs: null, traceId: null, limit: 7, before: 90 },
  });
  const ofTeam = { authorization: 'Bearer developer.red' };
  await ask('/v1/receipts', ofTeam);
  assert.deepEqual((asked.at(-1) as { where: unknown }).where, { team: ['red'] });
  await ask('/v1/usage?team=red&key=k', ofTeam);
  const { teams, only } = asked.at(-1) as { teams: unknown; only: unknown };
  assert.deepEqual([teams, only], [['red'], { key: 'k' }]);
  const before = asked.length;
  for (const path of ['/v1/receipts?team=blue', '/v1/usage?team=blue'])
    assert.equal((await ask(path, ofTeam)).status, 404, path);
  assert.equal((await ask('/v1/receipts?limit=501')).status, 400);
  assert.equal(asked.length, before);
});

test('where the console is not built, its page says how to', async () => {
  const root = await ask('/', { authorization: '' });
  assert.deepEqual([root.status, root.headers.get('location')], [302, '/console/']);
  // As a browser says it; `fetch` would say by itself that it is no navigation.
  const from = async (path: string, mode: string) => {
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': mode };
    const asking = get({ port: admin.port, host: '127.0.0.1', path, headers });
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    return { answer, text: String(Buffer.concat(await answer.toArray())) };
  };
  const { answer, text } = await from('/console/exchanges', 'navigate');
  assert.match(text, /npm run console/);
  assert.match(String(answer.headers['content-security-policy']), /default-src 'none'/);
  assert.equal((await from('/console/', 'no-cors')).answer.statusCode, 403);
});
