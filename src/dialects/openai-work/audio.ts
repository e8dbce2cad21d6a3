import type { Dialect } from '#core/contracts/dialect.ts';
import { usageByModality, usageOfUnits } from '#core/other-usage.ts';
import { isObject, optional, readString } from '#core/read-json.ts';
import { relayedWork } from '#core/relayed-work.ts';
import { tokenFigure } from '#core/token-figure.ts';
import { places } from './places.ts';

/** OpenAI's speech: sound as it is made, or in events. https://platform.openai.com/docs/api-reference/audio/createSpeech */
export const openaiSpeech = (chat: Dialect): Dialect =>
  relayedWork(
    {
      name: 'openai-speech',
      surface: 'speech',
      places,
      operations: ['/audio/speech'],
      interpretedKeys: ['model', 'input', 'stream_format'],
      unread: ['audio/', 'application/octet-stream'],
      streams: ({ stream_format: format }) => format === 'sse',
      parse(body) {
        const text = readString(body['input'], 'input');
        const instructions = optional(body['instructions'], 'instructions', readString);
        // Billed by the letter, or by the token: of sound alone nothing is said.
        return {
          kind: 'speech',
          texts: instructions === null ? [text] : [text, instructions],
          units: { characters: [...text].length },
        };
      },
      usageOf: ({ usage }) =>
        isObject(usage) ? usageByModality(usage, { input: 'text', output: 'audio' }) : null,
      isLast: ({ type }) => type === 'speech.audio.done',
    },
    chat,
  );

/** OpenAI's transcriptions and translations of sound, as JSON, as plain text or streamed. */
export const openaiTranscriptions = (chat: Dialect): Dialect =>
  relayedWork(
    {
      name: 'openai-transcriptions',
      surface: 'transcription',
      places,
      operations: ['/audio/transcriptions', '/audio/translations'],
      interpretedKeys: ['model', 'stream', 'file', 'response_format'],
      forms: true,
      // Captions are no JSON.
      unread: ['text/plain', 'text/vtt', 'application/x-subrip'],
      streams: ({ stream }) => stream === true || stream === 'true',
      parse: ({ prompt }) => ({
        kind: 'transcription',
        texts: [optional(prompt, 'prompt', readString) ?? ''],
      }),
      usageOf({ usage, duration }) {
        if (isObject(usage) && usage['type'] !== 'duration')
          return usageByModality(usage, { input: 'audio', output: 'text' });
        const source = isObject(usage) ? usage : { seconds: duration };
        if (typeof source['seconds'] !== 'number') return null;
        const flags = new Set<string>();
        const seconds = tokenFigure({ seconds: Math.ceil(source['seconds']) }, 'seconds', flags);
        return usageOfUnits({ seconds }, usage ?? null);
      },
      isLast: ({ type }) => type === 'transcript.text.done',
    },
    chat,
  );
