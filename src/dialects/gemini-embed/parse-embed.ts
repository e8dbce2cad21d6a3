import type { JsonObject } from '#core/call.ts';
import { Fault } from '#core/fault.ts';
import { isObject, optional, readArray, readCount, readObject, readString } from '#core/read-json.ts';
import type { EmbeddingInput, EmbeddingPurpose, EmbeddingWork } from '#core/work.ts';

/** https://ai.google.dev/api/embeddings#TaskType */
export const taskTypes: Readonly<Record<EmbeddingPurpose, string>> = {
  query: 'RETRIEVAL_QUERY',
  document: 'RETRIEVAL_DOCUMENT',
  similarity: 'SEMANTIC_SIMILARITY',
  classification: 'CLASSIFICATION',
  clustering: 'CLUSTERING',
};

const purposes: Readonly<Record<string, EmbeddingPurpose>> = {
  ...Object.fromEntries(
    Object.entries(taskTypes).map(([purpose, type]) => [type, purpose as EmbeddingPurpose]),
  ),
  QUESTION_ANSWERING: 'query',
  FACT_VERIFICATION: 'query',
  CODE_RETRIEVAL_QUERY: 'query',
};

const known = new Set([
  'content',
  'model',
  'taskType',
  'task_type',
  'outputDimensionality',
  'output_dimensionality',
]);

/** One call, or as many as `requests` has. */
const callsIn = (body: JsonObject): readonly unknown[] =>
  body['requests'] === undefined ? [body] : readArray(body['requests'], 'requests');

export function parseEmbed(body: JsonObject): EmbeddingWork {
  const at = body['requests'] === undefined ? '' : 'requests[].';
  const calls = callsIn(body).map((call, i) => readCall(call, at === '' ? '' : `requests[${i}].`));
  const [first] = calls;
  const odd = calls.find(
    ({ purpose, dimensions }) => purpose !== first?.purpose || dimensions !== first?.dimensions,
  );
  if (odd) {
    const field = odd.purpose === first?.purpose ? 'requests[].outputDimensionality' : 'requests[].taskType';
    throw new Fault('dialect/not-carried', `${field}: the target takes one for all.`, { field });
  }
  return {
    kind: 'embeddings',
    inputs: calls.map(({ input }) => input),
    dimensions: first?.dimensions ?? null,
    purpose: first?.purpose ?? null,
    truncate: null,
    encodings: ['float'],
    words: {
      dimensions: `${at}outputDimensionality`,
      purpose: `${at}taskType`,
      truncate: '',
      encoding: '',
      tokens: `${at}content`,
      image: `${at}content`,
    },
  };
}

/** What none of the fields above says, each named once. */
export function foreignFields(body: JsonObject): JsonObject {
  const rest: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const call of callsIn(body))
    for (const [key, value] of Object.entries(isObject(call) ? call : {}))
      if (!known.has(key) && key !== 'requests' && value !== null) rest[key] = value;
  return rest;
}

interface OneCall {
  readonly input: EmbeddingInput;
  readonly purpose: EmbeddingPurpose | null;
  readonly dimensions: number | null;
}

function readCall(value: unknown, at: string): OneCall {
  const call = readObject(value, at);
  const type = optional(call['taskType'] ?? call['task_type'], `${at}taskType`, readString);
  const size = call['outputDimensionality'] ?? call['output_dimensionality'];
  return {
    input: readContent(call['content'], `${at}content`),
    purpose: type === null ? null : (purposes[type] ?? null),
    dimensions: optional(size, `${at}outputDimensionality`, readCount),
  };
}

/** The parts of a content make one vector together: with other media among them it is taken for those. */
function readContent(content: unknown, path: string): EmbeddingInput {
  const parts = readArray(readObject(content, path)['parts'], `${path}.parts`).map((part, i) =>
    readObject(part, `${path}.parts[${i}]`),
  );
  const media = parts.find((part) => part['text'] === undefined);
  if (!media) return { type: 'text', text: parts.map((part) => String(part['text'])).join('\n') };
  const inline = media['inlineData'] ?? media['inline_data'];
  const data = isObject(inline) ? inline : {};
  const mediaType = data['mimeType'] ?? data['mime_type'];
  return {
    type: 'image',
    source: { kind: 'base64', mediaType: String(mediaType ?? ''), data: String(data['data'] ?? '') },
  };
}
