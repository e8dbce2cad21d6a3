import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Fault } from '#core/fault.ts';
import type { Usage } from '#core/usage.ts';
import { parseSessionUsage, parseTranscriptionUsage } from './realtime-usage.ts';
import { realtime } from './realtime.ts';

const linesOf = ({ lines }: Usage) =>
  lines.map(({ direction, modality, cache, count }) => `${direction} ${modality} ${cache} ${count}`);

describe('usage of a session', () => {
  test('is disjoint by modality and cache', () => {
    const usage = parseSessionUsage({
      total_tokens: 253,
      input_tokens: 132,
      output_tokens: 121,
      input_token_details: {
        text_tokens: 119,
        audio_tokens: 13,
        image_tokens: 0,
        cached_tokens: 64,
        cached_tokens_details: { text_tokens: 60, audio_tokens: 4, image_tokens: 0 },
      },
      output_token_details: { text_tokens: 30, audio_tokens: 91 },
    });
    assert.deepEqual(linesOf(usage), [
      'input text none 59',
      'input text read 60',
      'input audio none 9',
      'input audio read 4',
      'output text none 30',
      'output audio none 91',
    ]);
    assert.deepEqual([usage.source, usage.flags], ['provider', []]);
  });

  test('without details is text; cached of no said modality is text first', () => {
    assert.deepEqual(linesOf(parseSessionUsage({ input_tokens: 5, output_tokens: 7 })), [
      'input text none 5',
      'output text none 7',
    ]);
    const input_token_details = { text_tokens: 3, audio_tokens: 7, cached_tokens: 5 };
    assert.deepEqual(
      linesOf(parseSessionUsage({ input_tokens: 10, output_tokens: 0, input_token_details })),
      ['input text read 3', 'input audio none 5', 'input audio read 2'],
    );
  });

  test('that does not add up, or is no count, is flagged', () => {
    const flagsOf = (raw: Record<string, unknown>) => parseSessionUsage(raw).flags;
    const details = { text_tokens: 3, audio_tokens: 9 };
    assert.deepEqual(flagsOf({ input_tokens: 10, input_token_details: details }), ['total-disagrees']);
    assert.deepEqual(flagsOf({ input_tokens: -1 }), ['negative']);
    assert.equal(parseSessionUsage({ input_tokens: 'NaN' }).source, 'provider_partial');
    const cached_tokens_details = { text_tokens: 9 };
    const more = { text_tokens: 3, cached_tokens: 9, cached_tokens_details };
    assert.deepEqual(flagsOf({ input_tokens: 3, input_token_details: more }), ['details-exceed-total']);
  });

  test('of speech put into words is tokens or seconds', () => {
    const input_token_details = { text_tokens: 1, audio_tokens: 13 };
    const tokens = { type: 'tokens', input_tokens: 14, output_tokens: 4, input_token_details };
    assert.deepEqual(linesOf(parseTranscriptionUsage(tokens)!), [
      'input text none 1',
      'input audio none 13',
      'output text none 4',
    ]);
    const duration = parseTranscriptionUsage({ type: 'duration', seconds: 2.4 })!;
    assert.deepEqual([duration.lines, duration.units], [[], { seconds: 3 }]);
  });
});

test('what a session is opened with: one model, and nothing of what others have under way', () => {
  assert.equal(realtime.model('?model=gpt-realtime'), 'gpt-realtime');
  assert.equal(realtime.model('api-version=1&deployment=voice%2F1'), 'voice/1');
  for (const query of ['', 'model=', 'model=a&model=b', 'model=a&deployment=b', 'call_id=rtc_1'])
    assert.throws(() => realtime.model(query), Fault, query);
  assert.ok(!realtime.passesProtocol('openai-insecure-api-key.sk-1'));
});

test('what is none of the events that say something is passed over', () => {
  for (const text of [
    '{"response.done":',
    '"response.done"',
    '{"type":"response.done"}',
    '{"type":"x","response":{"id":"1"}}',
  ])
    assert.equal(realtime.read(text), null, text);
  const said = '{"type":"response.output_text.delta","delta":"\\"response.done\\""}';
  assert.equal(realtime.read(said), null);
});
