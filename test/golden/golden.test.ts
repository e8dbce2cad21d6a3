/**
 * Translation between dialects, case by case: test/golden/{calls,answers}/<from>-to-<to>/<name>.case. Each was checked by
 * hand against the vendors' documents. SLUICE_GOLDEN=update writes what comes out now into the cases, to be read in the
 * diff before it is believed; it refuses to run in CI.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Dialect } from '#core/contracts/dialect.ts';
import { chatDialects as dialects } from '#dialects/index.ts';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { layOut, readCase, writeCase } from './case-file.ts';
import { translateAnswer, translateCall, translateError, translateStream } from './translate.ts';

const update = process.env['SLUICE_GOLDEN'] === 'update';
assert.ok(!(update && process.env['CI']), 'SLUICE_GOLDEN=update is not for CI: there the cases are the judge.');

const root = 'test/golden';
const json = (text: string) => JSON.parse(text) as Record<string, unknown>;
/** Sections whose text is JSON laid out for readers; what counts is the compact form, byte by byte. */
/** One document, and no lines of them. */
const isDocument = (name: string, text: string) => name === 'rendered' && text.startsWith('{') && !text.includes('\n{');
const laidOut = (name: string, text: string) => (isDocument(name, text) ? layOut(json(text)) : text);
const compact = (name: string, text: string) =>
  isDocument(name, text) ? JSON.stringify(json(text)) : text.replace(/\n*$/, '\n');

function outcome(kind: string, [from, to]: readonly [Dialect, Dialect], sections: ReadonlyMap<string, string>) {
  const settings = json(sections.get('settings') ?? '{}');
  if (kind === 'calls') return translateCall(from, to, json(sections.get('call')!), settings);
  const stream = sections.get('stream');
  if (stream !== undefined) return new Map([['rendered', translateStream(from, to, stream.replace(/\n*$/, '\n\n'), settings)]]);
  const answer = sections.get('answer');
  if (answer !== undefined) return new Map([['rendered', translateAnswer(from, to, json(answer), settings)]]);
  const error = [...sections.keys()].find((name) => name.startsWith('error '))!;
  const [status, body] = translateError(from, to, sections.get(error)!, Number(error.slice(6)));
  return new Map([
    ['status', status],
    ['rendered', body],
  ]);
}

let simulator: Simulator;
before(async () => {
  simulator = await startSimulator({ port: 0 });
});
after(() => simulator.close());

/** The vendors' own rules, as the simulator knows them, are kept by what we send. */
async function isAccepted(dialect: Dialect, body: string): Promise<void> {
  const path = dialect.client.operations.find(({ kind }) => kind === 'chat')!.path.replaceAll(/\{\+?\w+\}/g, 'target-model');
  const answer = await fetch(simulator.url + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: 'Bearer k',
      'x-api-key': 'k',
      'x-goog-api-key': 'k',
      'anthropic-version': '2023-06-01',
      'x-simulate': JSON.stringify({ strictKeys: true, anySignature: true, text: 'ok' }),
    },
    body,
  });
  const said = await answer.text();
  assert.equal(answer.status, 200, said);
}

const given = ['settings', 'call', 'answer', 'stream'];

for (const kind of ['calls', 'answers']) {
  for (const way of readdirSync(join(root, kind)).sort()) {
    const [from, to] = way.split('-to-').map((name) => dialects.find((dialect) => dialect.name === name));
    assert.ok(from && to, `${way}: expected <dialect>-to-<dialect>`);
    describe(`${kind} ${way}`, () => {
      for (const file of readdirSync(join(root, kind, way)).sort()) {
        const path = join(root, kind, way, file);
        const { title, sections } = readCase(path);
        test(`${file}: ${title}`, async () => {
          const came = outcome(kind, [from, to], sections);
          if (update) {
            const inputs = [...sections].filter(([name]) => given.includes(name) || name.startsWith('error '));
            const outputs = [...came].map(([name, text]) => [name, laidOut(name, text)] as const);
            writeCase(path, { title, sections: new Map([...inputs, ...outputs]) });
            return;
          }
          const expected = [...sections].filter(([name]) => !given.includes(name) && !name.startsWith('error '));
          assert.deepEqual([...came.keys()], expected.map(([name]) => name), 'sections');
          for (const [name, text] of expected) assert.equal(compact(name, came.get(name)!), compact(name, text), name);
          if (kind === 'calls' && came.has('rendered')) await isAccepted(to, came.get('rendered')!);
        });
      }
    });
  }
}

/** What nearly every call comes from or goes to: each dialect is held against both. */
const hubs = ['openai-chat', 'anthropic-messages'];

test('every way from and to the dialects most spoken has cases, of calls and of answers', () => {
  for (const from of dialects)
    for (const to of dialects)
      if (from !== to && (hubs.includes(from.name) || hubs.includes(to.name)))
        for (const kind of ['calls', 'answers'])
          assert.ok(readdirSync(join(root, kind)).includes(`${from.name}-to-${to.name}`), `${kind} ${from.name} ${to.name}`);
});

/** Cases for what vendors do against their own documents (docs/dialects/surprises.md). That they hold is the cases' own test. */
const surprises: Readonly<Record<string, readonly string[]>> = {
  'figures of usage that cannot be compared': [
    'answers/openai-chat-to-anthropic-messages/stream-text.case',
    'answers/openai-chat-to-anthropic-messages/whole-usage-reasoning-beside.case',
    'answers/anthropic-messages-to-openai-chat/stream-usage-restated.case',
  ],
  'usage that comes apart, twice, on every chunk or over two events': [
    'answers/openai-chat-to-anthropic-messages/stream-text.case',
    'answers/openai-chat-to-anthropic-messages/stream-usage-twice.case',
    'answers/openai-chat-to-anthropic-messages/stream-usage-every-chunk.case',
    'answers/anthropic-messages-to-openai-chat/stream-usage-restated.case',
  ],
  'usage that is null between': ['answers/openai-chat-to-anthropic-messages/stream-text.case'],
  'both forms of an error in a stream of responses are read': [
    'answers/openai-responses-to-openai-chat/stream-error-flat.case',
    'answers/openai-responses-to-openai-chat/stream-error-nested.case',
  ],
  'what nobody knows': [
    'answers/openai-chat-to-anthropic-messages/stream-unknown-things.case',
    'answers/anthropic-messages-to-openai-chat/stream-unknown-things.case',
  ],
  'errors after a 200, and streams without their end': [
    'answers/openai-chat-to-anthropic-messages/stream-error.case',
    'answers/openai-chat-to-anthropic-messages/stream-without-terminator.case',
    'answers/anthropic-messages-to-openai-chat/stream-error.case',
    'answers/anthropic-messages-to-openai-chat/stream-without-terminator.case',
  ],
  'what ends a stream of Bedrock comes in either order': [
    'answers/bedrock-converse-to-openai-chat/stream-usage-before-stop.case',
    'answers/bedrock-converse-to-openai-chat/stream-thinking-then-tools.case',
  ],
};

test('figures of usage that cannot be compared', hasCases);
test('usage that comes apart, twice, on every chunk or over two events', hasCases);
test('usage that is null between', hasCases);
test('both forms of an error in a stream of responses are read', hasCases);
test('what nobody knows', hasCases);
test('errors after a 200, and streams without their end', hasCases);
test('what ends a stream of Bedrock comes in either order', hasCases);

function hasCases({ name }: { readonly name: string }): void {
  for (const path of surprises[name]!) assert.ok(readCase(join(root, path)).sections.has('rendered'), path);
}

test('no usage of null goes to clients whose own readers refuse it', () => {
  for (const way of readdirSync(join(root, 'answers')).filter((name) => name.endsWith('-to-openai-chat')))
    for (const file of readdirSync(join(root, 'answers', way)))
      assert.doesNotMatch(readCase(join(root, 'answers', way, file)).sections.get('rendered') ?? '', /"usage": ?null/);
});
