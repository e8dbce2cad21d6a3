/** What a call loses on its way into a dialect is named, and nothing else is; within a dialect nothing is lost. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Conversation } from '#core/call.ts';
import { scanFields, spliceFields } from '#core/json.ts';
import { chatDialects as dialects } from '#dialects/index.ts';
import { words } from '#dialects/openai-chat/words.ts';
import { callWith } from '../../matrix/call-features.ts';
import { calls } from './calls.ts';
import { lineOf, target } from './read-stream.ts';
import { traits } from './traits.ts';

const runs = process.env['SLUICE_LONG'] ? 3000 : 150;
const seed = 29;

/** Wishes that stand by themselves: what a dialect does with one says nothing of the others. */
const wishes = fc.record(
  {
    seed: fc.integer({ min: 0, max: 1000 }),
    topK: fc.integer({ min: 1, max: 100 }),
    temperature: fc.integer({ min: 0, max: 10 }).map((n) => n / 10),
    topP: fc.integer({ min: 1, max: 10 }).map((n) => n / 10),
    frequencyPenalty: fc.constantFrom(-0.5, 0.5, 1),
    presencePenalty: fc.constantFrom(-0.5, 0.5, 1),
    logprobs: fc.integer({ min: 0, max: 5 }),
    choices: fc.integer({ min: 2, max: 4 }),
    endUser: fc.stringMatching(/^[a-z]{1,8}$/),
    stop: fc.uniqueArray(fc.stringMatching(/^[A-Z]{3,6}$/), { minLength: 1, maxLength: 4 }),
  },
  { requiredKeys: [] },
);
/** Letters of all lengths in UTF-8, quotes, brackets. */
const anything = fc.jsonValue({ stringUnit: 'grapheme' });

type Wish = keyof typeof words & keyof Conversation;

for (const dialect of dialects) {
  describe(dialect.name, () => {
    const line = lineOf(dialect);

    test('of any wishes those are named that do not arrive, in the words of the client, and no others', () =>
      fc.assert(
        fc.property(wishes, (wished) => {
          const call = callWith(wished);
          const { body, losses } = dialect.provider.renderCall(call, target);
          const read = dialect.client.parseCall(JSON.parse(body) as Record<string, unknown>, line);
          const differ = (Object.keys(wished) as Wish[]).filter(
            (wish) => JSON.stringify(read[wish]) !== JSON.stringify(call[wish]),
          );
          assert.deepEqual(losses.map(({ field }) => field).sort(), differ.map((wish) => words[wish]).sort());
        }),
        { numRuns: runs, seed },
      ));

    test('within the dialect what nobody knows passes byte for byte, wherever it stands', () =>
      fc.assert(
        fc.property(
          calls,
          fc.dictionary(fc.stringMatching(/^zz_[a-z]{1,6}$/), anything, { minKeys: 1, maxKeys: 4 }),
          fc.array(fc.tuple(fc.nat(20), fc.constantFrom('', ' ', '\n\t')), { minLength: 4, maxLength: 4 }),
          fc.boolean(),
          (given, unknown, places, removes) => {
            const known = traits[dialect.name]!.carries?.(given) ?? given;
            const members = Object.entries(
              JSON.parse(dialect.provider.renderCall(known, target).body) as object,
            ).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
            const strange = Object.entries(unknown).map(([key, value], i) => {
              const space = places[i]![1];
              return `${JSON.stringify(key)}${space}:${space}${JSON.stringify(value, null, space)}`;
            });
            strange.forEach((member, i) => members.splice(places[i]![0] % (members.length + 1), 0, member));
            members.splice(places[0]![0] % (members.length + 1), 0, '"zz_removed":1');
            const text = `{${members.join(' ,')}}`;
            const json = JSON.parse(text) as Record<string, unknown>;
            const edits = new Map(dialect.provider.relayEdits(json, { ...target, model: 'another' }, line));
            assert.equal(edits.has('model'), traits[dialect.name]!.modelIn !== 'path');
            for (const key of Object.keys(unknown)) assert.ok(!edits.has(key), `${key} is edited`);
            // As an edit does that takes a field away: the rest is then put together anew.
            if (removes) edits.set('zz_removed', null);
            const bytes = Buffer.from(text);
            const sent = String(spliceFields(bytes, scanFields(bytes.toString('latin1')), edits));
            const after = JSON.parse(sent) as Record<string, unknown>;
            // Every member that is not edited is there letter by letter, and in its place among the others.
            const kept = members.filter((member) => {
              const [key] = Object.keys(JSON.parse(`{${member}}`) as object);
              return !edits.has(key!);
            });
            let at = 0;
            for (const member of kept) {
              at = sent.indexOf(member, at);
              assert.notEqual(at, -1, `${member} is not in ${sent}`);
              at += member.length;
            }
            for (const [key, value] of edits)
              assert.deepEqual(after[key], value === null ? undefined : JSON.parse(value));
          },
        ),
        { numRuns: runs, seed },
      ));
  });
}
