import type { JsonObject } from '#core/call.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import { wordsPattern } from '#core/hidden-keys.ts';
import { usageByModality, usageOfUnits } from '#core/other-usage.ts';
import { isObject, optional, readString } from '#core/read-json.ts';
import { relayedWork } from '#core/relayed-work.ts';
import { places } from './places.ts';

/**
 * OpenAI's images: made, changed, varied; as JSON or as a form with files, whole or streamed with pictures that are not
 * finished yet. https://platform.openai.com/docs/api-reference/images
 */
export const openaiImages = (chat: Dialect): Dialect =>
  relayedWork(
    {
      name: 'openai-images',
      surface: 'image',
      places,
      operations: ['/images/generations', '/images/edits', '/images/variations'],
      interpretedKeys: ['model', 'stream', 'n', 'prompt', 'image', 'images', 'mask'],
      forms: true,
      vendorIds,
      vendorIdWords: wordsPattern(['file_id']),
      choices: ({ n }) => Math.max(1, Number(n) || 1),
      // A form says it in letters.
      streams: ({ stream }) => stream === true || stream === 'true',
      parse: ({ prompt }) => ({
        kind: 'image',
        texts: [optional(prompt, 'prompt', readString) ?? ''],
      }),
      usageOf(answer) {
        const { usage, data } = answer;
        if (isObject(usage)) return usageByModality(usage, { input: 'text', output: 'image' });
        // Older models are billed by the picture.
        return Array.isArray(data) ? usageOfUnits({ images: data.length }, null) : null;
      },
      isLast: ({ type }) => type === 'image_generation.completed' || type === 'image_edit.completed',
    },
    chat,
  );

/** Pictures to change may be named as files. */
function vendorIds(body: JsonObject): string[] {
  const named: string[] = [];
  const look = (value: unknown, path: string) => {
    if (isObject(value) && value['file_id'] !== undefined) named.push(`${path}.file_id`);
  };
  if (Array.isArray(body['images'])) body['images'].forEach((image, i) => look(image, `images[${i}]`));
  look(body['image'], 'image');
  look(body['mask'], 'mask');
  return named;
}
