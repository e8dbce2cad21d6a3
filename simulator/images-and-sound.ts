import { BadRequest, isObject, requireText } from './shape.ts';
import type { Json } from './shape.ts';
import type { Frame } from './sse.ts';
import { bearerOf, tokensOf } from './work.ts';
import type { WorkDone, WorkVendor } from './work.ts';

const renderError = (status: number, message: string): Json => ({
  error: { message, type: status === 429 ? 'requests' : 'invalid_request_error', param: null, code: null },
});
const errorFrame: Frame = {
  kind: 'other',
  event: 'error',
  data: renderError(500, 'The server had an error'),
};
const vendor = { keyOf: bearerOf, renderError, errorFrame };

/** Numbers and switches come as text in forms. */
const isOn = (value: unknown): boolean => value === true || value === 'true';

const PIXEL = Buffer.from('89504e470d0a1a0a', 'hex').toString('base64');

/** Models that begin with `dall-e` report nothing, as the older ones do. */
export const images: WorkVendor = {
  ...vendor,
  name: 'openai-images',
  answers: (path) => /^\/v1\/images\/(?:generations|edits|variations)$/.test(path),
  work(body, path) {
    const model = requireText(body.model, 'model');
    const isEdit = path.endsWith('/edits');
    if (!path.endsWith('/variations')) requireText(body.prompt, 'prompt');
    if (!path.endsWith('/generations') && !isObject([body.image ?? body['image[]']].flat()[0]))
      throw new BadRequest('image', 'You must provide an image.');
    const count = Number(body.n ?? 1);
    const text = tokensOf([String(body.prompt ?? '')]);
    const usage = {
      input_tokens: text + (isEdit ? 100 : 0),
      input_tokens_details: { text_tokens: text, image_tokens: isEdit ? 100 : 0 },
      output_tokens: 1000 * count,
      total_tokens: text + (isEdit ? 100 : 0) + 1000 * count,
    };
    const kind = isEdit ? 'image_edit' : 'image_generation';
    if (isOn(body.stream)) return { model, body: framesOf(kind, usage), usage: null, promptTokens: text };
    const reports = !model.startsWith('dall-e');
    const data = Array.from({ length: count }, () => ({ b64_json: PIXEL }));
    return {
      model,
      body: { created: 1, data, ...(reports && { usage }) },
      usage: reports ? usage : null,
      promptTokens: text,
    };
  },
};

function* framesOf(kind: string, usage: Json): Generator<Frame> {
  for (let i = 0; i < 3; i++) {
    const type = `${kind}.partial_image`;
    yield { kind: 'content', event: type, data: { type, partial_image_index: i, b64_json: PIXEL } };
  }
  const type = `${kind}.completed`;
  yield { kind: 'finish', event: type, data: { type, b64_json: PIXEL, usage }, usage };
}

/** Sound of a text: its letters, again and again. */
export const soundOf = (text: string): string => `ID3ÿ${`${text}þ`.repeat(20)}`;

export const speech: WorkVendor = {
  ...vendor,
  name: 'openai-speech',
  answers: (path) => path === '/v1/audio/speech',
  work(body): WorkDone {
    const model = requireText(body.model, 'model');
    const input = requireText(body.input, 'input');
    requireText(body.voice, 'voice');
    const promptTokens = tokensOf([input]);
    if (body.stream_format !== 'sse') {
      const pieces = soundOf(input).match(/[^]{1,16}/g) ?? [];
      const frames = pieces.map((data): Frame => ({ kind: 'content', data, raw: true }));
      return { model, body: frames, contentType: 'audio/mpeg', usage: null, promptTokens };
    }
    const usage = { input_tokens: promptTokens, output_tokens: 50, total_tokens: promptTokens + 50 };
    const done = { type: 'speech.audio.done', usage };
    const delta = { type: 'speech.audio.delta', audio: PIXEL };
    const frames: Frame[] = [
      { kind: 'content', event: delta.type, data: delta },
      { kind: 'content', event: delta.type, data: delta },
      { kind: 'finish', event: done.type, data: done, usage },
    ];
    return { model, body: frames, usage: null, promptTokens };
  },
};

const SAID = 'What was said, word for word.';

/** Models that begin with `whisper` are billed by the second. */
export const transcriptions: WorkVendor = {
  ...vendor,
  name: 'openai-transcriptions',
  answers: (path) => /^\/v1\/audio\/(?:transcriptions|translations)$/.test(path),
  work(body): WorkDone {
    const model = requireText(body.model, 'model');
    if (!isObject(body.file)) throw new BadRequest('file', 'You must provide a file.');
    const usage: Json = model.startsWith('whisper')
      ? { type: 'duration', seconds: 7 }
      : {
          type: 'tokens',
          input_tokens: 90,
          input_token_details: { audio_tokens: 80, text_tokens: 10 },
          output_tokens: 6,
          total_tokens: 96,
        };
    if (body.response_format === 'text' || body.response_format === 'srt')
      return {
        model,
        body: `${SAID}\n`,
        contentType: 'text/plain; charset=utf-8',
        usage: null,
        promptTokens: 90,
      };
    if (!isOn(body.stream)) return { model, body: { text: SAID, usage }, usage, promptTokens: 90 };
    const frames = SAID.split(/(?<= )/).map((delta): Frame => {
      return { kind: 'content', data: { type: 'transcript.text.delta', delta } };
    });
    const done = { type: 'transcript.text.done', text: SAID, usage };
    return { model, body: [...frames, { kind: 'finish', data: done, usage }], usage: null, promptTokens: 90 };
  },
};

export const moderations: WorkVendor = {
  ...vendor,
  name: 'openai-moderations',
  answers: (path) => path === '/v1/moderations',
  work(body) {
    const model = typeof body.model === 'string' ? body.model : 'omni-moderation-latest';
    const inputs = [body.input].flat();
    const results = inputs.map((input) => ({
      flagged: String(isObject(input) ? input.text : input).includes('violence'),
      categories: { violence: String(input).includes('violence') },
      category_scores: { violence: 0.5 },
    }));
    return { model, body: { id: 'modr-sim', model, results }, usage: null, promptTokens: 0 };
  },
};
