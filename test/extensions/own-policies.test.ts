import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { testKey } from '../harness/gateway.ts';
import { receiptOf } from '../harness/receipts.ts';
import { spawnSluice } from '../../src/cli/testing/spawn-sluice.ts';
import { standardConfig, startPolicyGateway, until, type PolicyGateway } from './policy-gateway.ts';

/** Does what the request's header asks, and notes what it saw. */
const facade = `
import { definePolicy, Type } from 'sluice/policy';
import { words } from './shared/words.ts';

type Seen = { hooks: string[] };

export default definePolicy({
  name: 'facade',
  description: 'does what it is asked',
  schema: Type.Object({ greeting: Type.String(), deep: Type.Optional(Type.Object({ a: Type.Number() })) }),
  reads: ['conversation'],
  writes: ['request', 'answer'],
  state: (): Seen => ({ hooks: [] }),
  onHead(call, { settings }) {
    call.state.hooks.push('head');
    const { request } = call;
    const wish = request.header('X-Wish') ?? '';
    if (wish === 'refuse') call.refuse(418, 'acme/teapot', 'Not with this pot.', { 'x-pot': 'short' });
    if (wish === 'respond') call.respond(203, { 'content-type': 'text/plain', 'x-mine': '1' }, 'by itself');
    if (wish === 'bytes') call.respond(200, {}, new Uint8Array([1, 2, 255]));
    call.upstreamHeaders.set('x-greeting', settings.greeting + ' ' + words.join(' '));
    call.upstreamHeaders.add('x-added', 'a');
    call.upstreamHeaders.remove('x-wish');
    call.annotate('path', request.path);
  },
  async onCall(call) {
    await null;
    call.state.hooks.push('call');
    call.annotate('model', call.brief?.model ?? 'none');
    call.annotate('last', String(call.conversation?.turns.at(-1)?.role));
    call.annotate('who', [call.consumer?.project, call.consumer?.team, call.route, call.id.length].join(' '));
  },
  onAnswer(call) {
    call.state.hooks.push('answer');
    call.answerHeaders.set('x-hooks', call.state.hooks.join(' '));
    call.answerHeaders.set('x-status', String(call.answer.status));
    call.answerHeaders.remove('x-request-id');
  },
});
`;
const words = `export const words = ['from', 'beside'] as const;\n`;

const byTeam = `
import { definePolicy, Type } from 'sluice/policy';
export default definePolicy({
  name: 'by-team',
  schema: Type.Object({ rate: Type.String() }),
  limits: (call, { settings }) =>
    call.request.header('x-limited') === undefined ? [] : [{ by: String(call.consumer?.team), requests: settings.rate }],
});
`;

/** Reads events: says what it counted when all is over, through the cache that all calls share. */
const counting = `
import { definePolicy, Type } from 'sluice/policy';
export default definePolicy({
  name: 'counting',
  schema: Type.Object({}),
  reads: ['events'],
  writes: ['answer'],
  state: () => ({ letters: 0 }),
  onHead(call, { cache }) {
    call.answerHeaders.add('x-last', cache.get('last') ?? 'none');
  },
  onEvent(event, call) {
    if (event.type === 'text') call.state.letters += event.text.length;
    if (event.type === 'finish') call.annotate('edition', 'first');
  },
  onSettled(receipt, call, { cache, log }) {
    if (receipt.attempts[0] !== undefined && receipt.attempts[0].outputTokens > 0)
      cache.set('last', [receipt.outcome, receipt.requestedModel, call.state.letters, receipt.attempts[0].provider].join(' '), 60_000);
  },
});
`;

/** The same from a thread of its own. */
const apart = `
import { definePolicy, Type } from 'sluice/policy';
export default definePolicy({
  name: 'apart',
  schema: Type.Object({ tag: Type.String() }),
  isolated: true,
  reads: ['conversation', 'body'],
  writes: ['request', 'answer'],
  onHead(call, { settings }) {
    const wish = call.request.header('x-apart');
    if (wish === 'refuse') call.refuse(409, 'apart/no', 'Not from here.', { 'x-why': 'because' });
    if (wish === 'respond') call.respond(202, { 'x-from': 'apart' }, new Uint8Array([7, 8]));
    call.upstreamHeaders.set('x-tag', settings.tag);
    call.answerHeaders.set('x-apart-head', call.consumer?.team ?? 'nobody');
  },
  async onCall(call) {
    await null;
    call.annotate('turns', call.conversation?.turns.length ?? -1);
    call.annotate('body', call.body?.length ?? -1);
    call.answerHeaders.add('x-apart-call', String(call.brief?.model));
  },
});
`;

let gateway: PolicyGateway;
const uses = [
  { apart: { tag: 'from apart' }, when: 'request.path != "/api/echo/exempt"' },
  { facade: { greeting: 'hello' } },
  { 'by-team': { rate: '3/h' } },
  { counting: {} },
];

before(async () => {
  gateway = await startPolicyGateway({
    files: {
      'facade.ts': facade,
      'shared/words.ts': words,
      'by-team/index.ts': byTeam,
      'by-team/index.test.ts': 'throw new Error("a test is no policy")',
      'counting.ts': counting,
      'apart.ts': apart,
    },
    policies: uses,
  });
});
after(() => gateway.stop());

const api = (headers: Record<string, string> = {}) =>
  fetch(`${gateway.url}/api/echo/x`, { headers: { authorization: `Bearer ${testKey}`, ...headers } });
const chat = (content: string, stream = true) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'o/gpt-sim', stream, messages: [{ role: 'user', content }] }),
  });

describe('what a policy sees and does', () => {
  test('head, headers both ways, a helper beside, notes on the receipt', async () => {
    const answer = await api({ 'x-wish': 'nothing' });
    const echoed = await answer.text();
    assert.equal(answer.status, 200);
    assert.match(echoed, /x-greeting.{1,6}hello from beside/);
    assert.match(echoed, /x-added/);
    assert.ok(!echoed.includes('x-wish'));
    assert.equal(answer.headers.get('x-hooks'), 'head call answer');
    assert.equal(answer.headers.get('x-status'), '200');
    const receipt = (await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!)) as unknown as {
      notes: object;
    };
    assert.deepEqual(receipt.notes, {
      'apart.turns': -1,
      'apart.body': -1,
      'facade.path': '/api/echo/x',
      'facade.model': 'none',
      'facade.last': 'undefined',
      'facade.who': 'web red api 26',
    });
  });

  test('the call to a model in short and in full', async () => {
    const answer = await chat('simulate:{"text":"one two"}');
    await answer.text();
    const { notes } = (await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!)) as unknown as {
      notes: Record<string, string>;
    };
    assert.equal(notes['facade.model'], 'o/gpt-sim');
    assert.equal(notes['facade.last'], 'user');
  });

  test('it refuses with its own status, code and headers, in the words of the client', async () => {
    const problem = await api({ 'x-wish': 'refuse' });
    assert.equal(problem.status, 418);
    assert.equal(problem.headers.get('x-pot'), 'short');
    const { code, detail, type } = (await problem.json()) as Record<string, string>;
    assert.deepEqual(
      [code, detail, type],
      ['acme/teapot', 'Not with this pot.', 'urn:sluice:fault:policy/refused'],
    );
    const { fault, outcome } = await receiptOf(gateway, problem.headers.get('x-sluice-exchange')!);
    assert.deepEqual([fault, outcome], ['policy/refused', 'refused']);
  });

  test('it answers by itself, in text and in bytes', async () => {
    const before = gateway.simulator.calls().length;
    const text = await api({ 'x-wish': 'respond' });
    assert.deepEqual([text.status, text.headers.get('x-mine'), await text.text()], [203, '1', 'by itself']);
    const bytes = await api({ 'x-wish': 'bytes' });
    assert.deepEqual([...new Uint8Array(await bytes.arrayBuffer())], [1, 2, 255]);
    assert.equal(gateway.simulator.calls().length, before);
  });

  test('limits of its own are reserved with all others', async () => {
    const answers = await Promise.all(Array.from({ length: 9 }, () => api({ 'x-limited': '1' })));
    assert.deepEqual(
      answers.map(({ status }) => status).sort(),
      [200, 200, 200, 429, 429, 429, 429, 429, 429],
    );
    const refused = answers.find(({ status }) => status === 429)!;
    assert.match(refused.headers.get('ratelimit-policy') ?? '', /by-team/);
    await Promise.all(answers.map((answer) => answer.text()));
  });

  test('it reads events, of streams and of whole answers, and learns of the receipt', async () => {
    for (const stream of [true, false]) {
      await (await chat('simulate:{"text":"twelve chars"}', stream)).text();
      let last = '';
      await until('the receipt was heard of', async () => {
        const answer = await api();
        await answer.text();
        last = answer.headers.get('x-last') ?? '';
        return last.startsWith('completed');
      });
      assert.equal(last, 'completed o/gpt-sim 12 o');
    }
  });
});

describe('from a thread of its own', () => {
  test('it does the same, and `when` holds for it', async () => {
    const [refused, responded, passed, exempt] = await Promise.all([
      api({ 'x-apart': 'refuse' }),
      api({ 'x-apart': 'respond' }),
      api(),
      fetch(`${gateway.url}/api/echo/exempt`, { headers: { authorization: `Bearer ${testKey}` } }),
    ]);
    assert.deepEqual([refused!.status, refused!.headers.get('x-why')], [409, 'because']);
    assert.equal(((await refused!.json()) as { code: string }).code, 'apart/no');
    assert.deepEqual([responded!.status, responded!.headers.get('x-from')], [202, 'apart']);
    assert.deepEqual([...new Uint8Array(await responded!.arrayBuffer())], [7, 8]);
    assert.match(await passed!.text(), /from apart/);
    assert.equal(passed!.headers.get('x-apart-head'), 'red');
    assert.ok(!(await exempt!.text()).includes('from apart'));
    assert.equal(exempt!.headers.get('x-apart-head'), null);
  });

  test('it reads the call, and notes go on the receipt', async () => {
    const answer = await chat('simulate:{"tokens":1}');
    await answer.text();
    assert.equal(answer.headers.get('x-apart-call'), 'o/gpt-sim');
    const { notes } = (await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!)) as unknown as {
      notes: Record<string, number>;
    };
    assert.equal(notes['apart.turns'], 1);
    assert.ok(notes['apart.body']! > 50);
  });
});

describe('the configuration knows it', () => {
  test('`sluice check` holds its settings to its schema, and says all that is wrong', async () => {
    const file = join(gateway.stateDirectory, 'wrong.yaml');
    const policies = [
      { facade: { greting: 'x' } },
      { facade: { greeting: 'x', deep: { a: 'no number' } } },
      { facde: {} },
      { 'by-team': { rate: '1/s' } },
    ];
    const more = { policyFolder: gateway.folder, policies };
    writeFileSync(file, stringify(standardConfig(gateway.simulator.url, more)));
    const { code, err } = await spawnSluice(['check', file], { cwd: gateway.folder });
    assert.equal(code, 1);
    assert.match(err, /policies\[0\]\.facade\.greting: unknown key "greting"; did you mean "greeting"\?/);
    assert.match(err, /policies\[1\]\.facade\.deep\.a: expected a number/);
    assert.match(err, /unknown policy "facde"; did you mean "facade"\?/);
    assert.ok(!err.includes('by-team'), err);
  });

  test('`sluice explain` says what it does and when', async () => {
    const answer = await gateway.admin('/v1/explain', {
      method: 'POST',
      body: JSON.stringify({ method: 'GET', url: '/api/x', headers: [], model: null }),
      headers: { 'content-type': 'application/json' },
    });
    const { policies } = (await answer.json()) as { policies: { name: string }[] };
    assert.deepEqual(
      policies.find(({ name }) => name === 'facade'),
      {
        name: 'facade',
        when: ['onHead', 'onCall', 'onAnswer'],
        summary: 'does what it is asked (facade.ts)',
      },
    );
  });

  test('whoever asks by the API does not choose what code runs', async () => {
    const text = stringify(
      standardConfig(gateway.simulator.url, {
        policyFolder: '/nowhere',
        policies: [{ facade: { greeting: 'x' } }],
      }),
    );
    const answer = await gateway.admin('/v1/config/check', {
      method: 'POST',
      body: JSON.stringify({ text }),
      headers: { 'content-type': 'application/json' },
    });
    // The folder is not looked for: what is in force is what it is held to.
    assert.deepEqual(((await answer.json()) as { findings: unknown[] }).findings, []);
  });
});

describe('a change of its file', () => {
  const greeting = async () => /x-greeting[^a-z]+([a-z ]+)/.exec(await (await api()).text())?.[1];

  test('is in force at once, helpers too; one that is not good is refused with its place, and the old serves on', async () => {
    const version = await gateway.version();
    const running = await chat('simulate:{"tokens":20,"paceMs":150}');
    const editionOf = async (answer: Response) => {
      await answer.text();
      const receipt = await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!);
      return (receipt as unknown as { notes: Record<string, string> }).notes['counting.edition'];
    };
    gateway.write('counting.ts', counting.replace("'first'", "'second'"));
    gateway.write('shared/words.ts', `export const words = ['anew'] as const;\n`);
    await until('the helper was loaded', async () => (await greeting()) === 'hello anew');
    assert.ok((await gateway.version()) > version);
    assert.equal(await editionOf(await chat('simulate:{"tokens":1}')), 'second');
    assert.equal(await editionOf(running), 'first', 'a call that is under way ends on the old one');
    const refused = async () => await (await gateway.admin('/v1/status')).text();
    for (const [text, place] of [
      ['export default 1;\n', /facade\.ts: exports no policy/],
      [
        facade.replace('state: ()', 'stat: ()'),
        /facade\.ts:\d+(:\d+)?: policy \\"facade\\": there is no \\"stat\\"/,
      ],
      [
        facade.replace('async onCall(call) {', 'async onCall(call) { const = 1;'),
        /facade\.ts:26:1: SyntaxError/,
      ],
      [facade.replace("name: 'facade'", "name: 'key-auth'"), /facade\.ts: the name \\"key-auth\\"/],
      [facade.replace("name: 'facade'", "name: 'counting'"), /the name \\"counting\\" is taken by/],
      ['throw new RangeError("not today");\n', /facade\.ts:1(:\d+)?: RangeError: not today/],
      ["import './missing.ts';\n" + facade, /facade\.ts: there is no file missing\.ts/],
    ] as const) {
      gateway.write('facade.ts', text);
      await until(`it was refused: ${place.source}`, async () => place.test(await refused()));
      assert.equal(await greeting(), 'hello anew');
    }
    gateway.write(
      'facade.ts',
      facade.replace('settings.greeting +', "settings.greeting.toUpperCase().toLowerCase() + 'ly' +"),
    );
    await until('the next good one was loaded', async () => (await greeting()) === 'helloly anew');
  });
});
