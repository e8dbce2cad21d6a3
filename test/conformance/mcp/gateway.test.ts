/** What the suite does not ask of a gateway: several threads, several servers as one, and whose a call is. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startTestGateway, testKey, type TestGateway } from '../../harness/gateway.ts';
import { callLegacy, callModern, events, send } from './call.ts';
import { serveLegacy, serveModern, type FixtureServer } from './serve.ts';

const limits = { timeout: 120_000 };
const otherKey = 'sk-test-other-0123456789';
const everything = { elicitation: {}, sampling: {}, roots: {} };
const accepts = (content: object) => ({ action: 'accept', content });
const bearer = (key = testKey) => ({ authorization: `Bearer ${key}` });

const program = (era: string) => [
  process.execPath,
  fileURLToPath(new URL('program.ts', import.meta.url)),
  era,
];

let modern: FixtureServer;
let legacy: FixtureServer;
let gateway: TestGateway;
let all: string;
const at = (server: string) => `${gateway.url}/mcp/${server}`;

before(async () => {
  [modern, legacy] = await Promise.all([serveModern(), serveLegacy()]);
  gateway = await startTestGateway({
    threads: 3,
    config: {
      servers: {
        modern: { url: modern.url },
        legacy: { url: legacy.url },
        'local-modern': { program: 'modern' },
        'local-legacy': { program: 'legacy', era: 'legacy' },
        absent: { program: 'absent' },
        // Nobody listens there.
        gone: { url: 'http://127.0.0.1:1/mcp' },
      },
      programs: {
        modern: { command: program('modern'), env: { FIXTURE_WORD: 'hello' } },
        legacy: { command: program('legacy') },
        absent: { command: ['/nowhere/at-all'] },
      },
      routes: [
        {
          name: 'programs',
          match: { path: '/programs/**' },
          to: { mcp: { servers: ['local-modern', 'local-legacy', 'absent'] } },
          policies: [{ 'key-auth': {} }],
        },
        {
          name: 'tools',
          match: { path: '/mcp/**' },
          to: { mcp: { servers: ['modern', 'legacy', 'gone'] } },
          policies: [
            { 'key-auth': {} },
            { access: { tools: { '*/test_error_*': { deny: { projects: ['guests'] } } } } },
          ],
        },
        {
          name: 'limited',
          match: { path: '/limited/**' },
          to: { mcp: { servers: ['modern'] } },
          policies: [{ 'key-auth': {} }, { 'rate-limit': { by: ['key', 'tool'], requests: '2/h' } }],
        },
      ],
      projects: { web: { team: 'red' }, guests: { team: 'red' } },
      keys: {
        tester: { project: 'web', secret: testKey },
        other: { project: 'guests', secret: otherKey },
      },
    },
  });
  all = `${gateway.url}/mcp`;
});

after(async () => {
  await gateway.stop();
  await Promise.all([modern.close(), legacy.close()]);
});

const call = (url: string, name: string, more: object = {}) =>
  callModern(url, { method: 'tools/call', headers: bearer(), params: { name, arguments: {} }, ...more });

async function receiptOf(headers: Headers): Promise<Record<string, unknown>> {
  for (;;) {
    const answer = await gateway.admin(`/v1/receipts/${headers.get('x-sluice-exchange')}`);
    if (answer.status === 200) return (await answer.json()) as Record<string, unknown>;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function openSession(url: string, capabilities: object = everything): Promise<string> {
  const params = { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'test', version: '1' } };
  const { headers, message } = await callLegacy(url, null, {
    method: 'initialize',
    headers: bearer(),
    params,
  });
  assert.equal((message.result!['serverInfo'] as { name: string }).name, url === all ? 'sluice' : 'fixture');
  return headers.get('mcp-session-id')!;
}

describe('a call that waits for its caller', limits, () => {
  const name = 'test_input_required_result_multi_round';

  test('is found from any thread, and goes on once for each answer', async () => {
    for (let n = 0; n < 8; n++) {
      const first = (await call(at('legacy'), name, { capabilities: everything })).message.result!;
      assert.deepEqual(Object.keys(first['inputRequests'] as object), ['step1']);
      const answer = (state: unknown, inputResponses: object) =>
        call(at('legacy'), name, {
          capabilities: everything,
          params: { name, arguments: {}, requestState: state, inputResponses },
        });
      const step1 = { step1: accepts({ name: 'Ada' }) };
      const second = (await answer(first['requestState'], step1)).message.result!;
      assert.deepEqual(Object.keys(second['inputRequests'] as object), ['step2']);
      const again = (await answer(first['requestState'], step1)).message.error!;
      assert.match(again.message, /used up/);
      const last = await answer(second['requestState'], { step2: accepts({ color: 'blue' }) });
      assert.deepEqual(last.message.result!['content'], [{ type: 'text', text: 'Both rounds are over.' }]);
    }
  });

  test('goes on for its own caller alone, and for the same request', async () => {
    const first = (await call(at('legacy'), name, { capabilities: everything })).message.result!;
    const retry = (secret: string, args: object) =>
      callModern(at('legacy'), {
        method: 'tools/call',
        headers: bearer(secret),
        capabilities: everything,
        params: {
          ...{ name, arguments: args, requestState: first['requestState'] },
          inputResponses: { step1: accepts({ name: 'Eve' }) },
        },
      });
    assert.match((await retry(otherKey, {})).message.error!.message, /not one that was given out here/);
    assert.match((await retry(testKey, { other: true })).message.error!.message, /another request/);
    assert.equal((await retry(testKey, {})).message.result!['resultType'], 'input_required');
  });

  test('is asked for what is still open', async () => {
    const tool = 'test_input_required_result_multiple_inputs';
    const first = (await call(at('legacy'), tool, { capabilities: everything })).message.result!;
    const { message } = await call(at('legacy'), tool, {
      capabilities: everything,
      params: {
        ...{ name: tool, arguments: {}, requestState: first['requestState'] },
        inputResponses: { user_name: accepts({ name: 'Ada' }), client_roots: { roots: [] } },
      },
    });
    assert.deepEqual(Object.keys(message.result!['inputRequests'] as object), ['greeting']);
  });
});

describe('a session of a client', limits, () => {
  test('is served by any thread; what it is asked may be answered at another one', async () => {
    const session = await openSession(at('modern'));
    for (let n = 0; n < 6; n++) {
      const asked: string[] = [];
      const { message, before } = await callLegacy(at('modern'), session, {
        method: 'tools/call',
        headers: bearer(),
        params: { name: 'test_input_required_result_multi_round', arguments: {} },
        onMessage(said) {
          if (said['method'] !== 'elicitation/create') return;
          asked.push(String((said['params'] as { message: string }).message));
          const result = accepts({ name: 'Ada', color: 'blue' });
          void sendAs(at('modern'), session, { id: said['id'], result }).then((status) =>
            assert.equal(status, 202),
          );
        },
      });
      assert.equal(asked.length, 2);
      assert.equal(before.length, 2);
      assert.deepEqual(message.result!['content'], [{ type: 'text', text: 'Both rounds are over.' }]);
    }
  });

  test('is no other caller’s, and over when its client says so', async () => {
    const session = await openSession(at('modern'));
    const list = (secret: string) =>
      callLegacy(at('modern'), session, { method: 'tools/list', headers: bearer(secret) });
    assert.equal((await list(testKey)).status, 200);
    assert.equal((await list(otherKey)).status, 404);
    const ended = await fetch(at('modern'), {
      method: 'DELETE',
      headers: { ...bearer(), 'mcp-session-id': session },
    });
    assert.equal(ended.status, 204);
    // Threads are told at once, but not in the same moment.
    while ((await list(testKey)).status !== 404) await new Promise((resolve) => setTimeout(resolve, 10));
  });

  test('hears of lists that change, and of resources that it watches, whatever its server speaks', async () => {
    for (const [server, fixture] of [
      ['modern', modern],
      ['legacy', legacy],
    ] as const) {
      const session = await openSession(at(server));
      const leave = new AbortController();
      const answer = await fetch(at(server), {
        headers: { ...bearer(), accept: 'text/event-stream', 'mcp-session-id': session },
        signal: leave.signal,
      });
      await callLegacy(at(server), session, {
        method: 'resources/subscribe',
        headers: bearer(),
        params: { uri: 'test://watched-resource' },
      });
      const wanted = new Set(['notifications/tools/list_changed', 'notifications/resources/updated']);
      const telling = setInterval(() => {
        fixture.changed('tools');
        fixture.updated('test://watched-resource');
      }, 50);
      for await (const { method, params } of events(answer)) {
        assert.equal((params as { _meta?: object } | undefined)?._meta, undefined);
        wanted.delete(String(method));
        if (wanted.size === 0) break;
      }
      clearInterval(telling);
      leave.abort();
    }
  });
});

describe('several servers as one', limits, () => {
  test('are listed under names of their own, and who does not answer is said', async () => {
    const { message } = await callModern(all, { method: 'tools/list', headers: bearer() });
    const names = (message.result!['tools'] as { name: string }[]).map(({ name }) => name);
    assert.ok(names.includes('modern__test_simple_text') && names.includes('legacy__test_simple_text'));
    const missing = (message.result!['_meta'] as Record<string, { server: string }[]>)['sluice/unavailable']!;
    assert.deepEqual(
      missing.map(({ server }) => server),
      ['gone'],
    );
  });

  test('are called, read and completed by those names, in either era', async () => {
    const session = await openSession(all);
    for (const server of ['modern', 'legacy']) {
      const params = { name: `${server}__test_embedded_resource`, arguments: {} };
      for (const { message } of [
        await callModern(all, { method: 'tools/call', headers: bearer(), params }),
        await callLegacy(all, session, { method: 'tools/call', headers: bearer(), params }),
      ]) {
        const [content] = message.result!['content'] as { resource: { uri: string } }[];
        assert.equal(content!.resource.uri, `${server}+test://embedded-resource`);
      }
      const uri = `${server}+test://static-text`;
      const read = await callModern(all, { method: 'resources/read', headers: bearer(), params: { uri } });
      assert.equal((read.message.result!['contents'] as { uri: string }[])[0]!.uri, uri);
      const completed = await callModern(all, {
        method: 'completion/complete',
        headers: bearer(),
        params: {
          ref: { type: 'ref/prompt', name: `${server}__test_prompt_with_arguments` },
          argument: { name: 'arg1', value: 'test' },
        },
      });
      assert.deepEqual((completed.message.result!['completion'] as { values: string[] }).values, [
        'testing',
        'tested',
      ]);
    }
  });

  test('have tools with long names, which are shortened and known by their own', async () => {
    const { message } = await callModern(all, { method: 'tools/list', headers: bearer() });
    const names = (message.result!['tools'] as { name: string }[]).map(({ name }) => name);
    for (const server of ['modern', 'legacy']) {
      const name = names.find((each) => each.startsWith(`${server}__test_whose_name_is_longer`))!;
      assert.match(name, /^[A-Za-z0-9_-]{64}$/);
      const called = await call(all, name);
      assert.deepEqual(called.message.result!['content'], [{ type: 'text', text: 'Long.' }]);
      const notes = (await receiptOf(called.headers))['notes'] as Record<string, string>;
      assert.match(
        notes['mcp.name']!,
        /^test_whose_name_is_longer_than_clients_of_models_let_names_of_tools_be$/,
      );
    }
  });

  test('fail by themselves: a call of one that is gone is an error of its own', async () => {
    const { status, message } = await call(all, 'gone__anything');
    assert.equal(status, 502);
    assert.equal((message.error!.data as { code: string }).code, 'upstream/connect');
    const unknown = await call(all, 'nobody__anything');
    assert.equal(unknown.message.error!.code, -32602);
  });

  test('are heard as one', async () => {
    const leave = new AbortController();
    const heard = new Set<string>();
    const params = { notifications: { toolsListChanged: true, promptsListChanged: true } };
    const telling = setInterval(() => {
      modern.changed('tools');
      legacy.changed('prompts');
    }, 50);
    const listening = callModern(all, {
      ...{ method: 'subscriptions/listen', headers: bearer(), params, signal: leave.signal },
      onMessage({ method }) {
        heard.add(String(method));
        if (heard.size === 3) leave.abort();
      },
    });
    await assert.rejects(listening, { name: 'AbortError' });
    clearInterval(telling);
    assert.deepEqual([...heard].sort(), [
      'notifications/prompts/list_changed',
      'notifications/subscriptions/acknowledged',
      'notifications/tools/list_changed',
    ]);
  });
});

test(
  'each request has a receipt, with method, server and name, and an attempt for each server that was asked',
  limits,
  async () => {
    const { headers } = await call(all, 'modern__test_simple_text');
    const listed = await callModern(all, { method: 'tools/list', headers: bearer() });
    const receipt = await receiptOf(headers);
    assert.equal(receipt['dialect'], 'mcp');
    assert.deepEqual(receipt['notes'], {
      'mcp.method': 'tools/call',
      'mcp.server': 'modern',
      'mcp.name': 'test_simple_text',
    });
    const { attempts } = (await receiptOf(listed.headers)) as {
      attempts: { provider: string; fault: string | null }[];
    };
    assert.deepEqual(attempts.map(({ provider, fault }) => [provider, fault]).sort(), [
      ['gone', 'upstream/connect'],
      ['legacy', null],
      ['modern', null],
    ]);
  },
);

describe('policies', limits, () => {
  test('decide which tools a caller knows of, and may call, under whatever name', async () => {
    const listed = async (url: string, secret: string) => {
      const { message } = await callModern(url, { method: 'tools/list', headers: bearer(secret) });
      return (message.result!['tools'] as { name: string }[]).map(({ name }) => name);
    };
    for (const [url, prefix] of [
      [at('legacy'), ''],
      [all, 'modern__'],
    ] as const) {
      const name = `${prefix}test_error_handling`;
      assert.ok((await listed(url, testKey)).includes(name));
      const known = await listed(url, otherKey);
      assert.ok(!known.includes(name) && known.includes(`${prefix}test_simple_text`));
      const denied = await call(url, name, { headers: bearer(otherKey) });
      assert.equal(denied.status, 403);
      assert.equal((denied.message.error!.data as { code: string }).code, 'access/tool');
      assert.equal((await call(url, name)).message.result!['isError'], true);
    }
  });

  test('limit calls of each tool by itself, and no lists', async () => {
    const url = `${gateway.url}/limited/modern`;
    const statuses = [];
    for (const name of ['test_simple_text', 'test_simple_text', 'test_simple_text', 'test_image_content'])
      statuses.push((await call(url, name)).status);
    assert.deepEqual(statuses, [200, 200, 429, 200]);
    for (let n = 0; n < 4; n++)
      assert.equal((await callModern(url, { method: 'tools/list', headers: bearer() })).status, 200);
  });
});

describe('programs', limits, () => {
  const url = (server: string) => `${gateway.url}/programs/${server}`;
  const name = 'test_input_required_result_multi_round';

  test('of either era are called, and ask', async () => {
    for (const server of ['local-modern', 'local-legacy']) {
      const first = await call(url(server), name, { capabilities: everything });
      const { inputRequests, requestState } = first.message.result!;
      assert.deepEqual(Object.keys(inputRequests as object), ['step1']);
      const second = await call(url(server), name, {
        capabilities: everything,
        params: { name, arguments: {}, requestState, inputResponses: { step1: accepts({ name: 'Ada' }) } },
      });
      assert.deepEqual(Object.keys(second.message.result!['inputRequests'] as object), ['step2']);
      const progress = await call(url(server), 'test_tool_with_progress', {
        params: { name: 'test_tool_with_progress', arguments: {}, _meta: { progressToken: 'mine' } },
      });
      const tokens = progress.before.map(({ params }) => (params as { progressToken: string }).progressToken);
      assert.deepEqual(tokens, ['mine', 'mine', 'mine']);
    }
  });

  test('get their own environment, and nothing of the gateway’s', async () => {
    const { message } = await call(url('local-modern'), 'test_environment');
    const [{ text }] = message.result!['content'] as [{ text: string }];
    const env = JSON.parse(text) as Record<string, string>;
    assert.equal(env['FIXTURE_WORD'], 'hello');
    assert.equal(env['SLUICE_ADMIN_TOKEN'], undefined);
    assert.equal(env['NODE_TEST_CONTEXT'], undefined);
  });

  test('that end take their calls with them, and are started again', async () => {
    for (const server of ['local-modern', 'local-legacy']) {
      const ended = await call(url(server), 'test_exit');
      assert.equal((ended.message.error!.data as { code: string }).code, 'upstream/closed');
      const next = await call(url(server), 'test_simple_text');
      assert.equal(next.status, 200);
    }
  });

  test('that are not there fail by themselves', async () => {
    const { status, message } = await call(url('absent'), 'anything');
    assert.ok(status === 502 || status === 503);
    assert.match((message.error!.data as { code: string }).code, /^upstream\//);
    const { message: listed } = await callModern(`${gateway.url}/programs`, {
      method: 'tools/list',
      headers: bearer(),
    });
    const names = (listed.result!['tools'] as { name: string }[]).map((tool) => tool.name);
    assert.ok(names.includes('local-legacy__test_simple_text'));
  });
});

test(
  'the protocol’s own client, of either era, is answered and asked by servers of either era',
  limits,
  async () => {
    // In a process of its own, without the conditions of this one: a package of the client's has sources under them, too.
    const script = fileURLToPath(new URL('client.ts', import.meta.url));
    const args = [script, `${gateway.url}/mcp`, testKey];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { PATH: process.env['PATH'] },
    });
    assert.equal(stdout, 'legacy of legacy\nlegacy of modern\nmodern of legacy\nmodern of modern\n');
  },
);

test('pages of strangers, and hosts that are not the gateway’s, are refused', limits, async () => {
  const from = (origin: string) =>
    callModern(at('modern'), { method: 'tools/list', headers: { ...bearer(), origin } });
  assert.equal((await from('https://evil.example')).status, 403);
  assert.equal((await from(gateway.url)).status, 200);
});

const sendAs = (url: string, session: string, message: object) =>
  send(url, session, { headers: bearer(), body: message });
