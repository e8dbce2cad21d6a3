import type { JsonObject } from '#core/call.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import { isObject, optional, readArray, readCount, readObject, readString } from '#core/read-json.ts';
import { malformed, readVector, toBase64 } from '#core/vectors.ts';
import { lossesOfEmbedding, textInputs } from '#core/embedding.ts';
import type { EmbeddingInput, EmbeddingPurpose, EmbeddingWork } from '#core/work.ts';
import { workDialect } from '#core/work-dialect.ts';
import { renderUsage, usageOf } from './usage.ts';

/** Cohere's embed, in its second version. https://docs.cohere.com/reference/embed */
export const cohereEmbed = (chat: Dialect): Dialect =>
  workDialect(
    {
      name: 'cohere-embed',
      surface: 'embeddings',
      operations: ['/v2/embed'],
      fields: [
        'model',
        'texts',
        'images',
        'inputs',
        'input_type',
        'embedding_types',
        'output_dimension',
        'truncate',
      ],
      parse: parseEmbed,
      render: (work, target) => ({
        body: {
          model: target.model,
          texts: textInputs(work),
          // It must be said; of those it knows this is the one for what is to be found again.
          input_type:
            work.purpose === null ? 'search_document' : (inputTypes[work.purpose] ?? 'search_document'),
          embedding_types: ['float'],
          ...(work.dimensions === null ? {} : { output_dimension: work.dimensions }),
          ...(work.truncate === null ? {} : { truncate: work.truncate ? 'END' : 'NONE' }),
        },
        losses: work.purpose === 'similarity' ? lossesOfEmbedding(work, ['purpose']) : [],
      }),
      path: () => '/v2/embed',
      read(body) {
        const embeddings = body['embeddings'];
        if (!isObject(embeddings)) throw malformed('"embeddings" by their types');
        const forms = ['float', 'base64', 'int8', 'uint8', 'binary', 'ubinary'];
        const lists = forms.map((form) => embeddings[form]);
        const list = lists.find((candidate) => Array.isArray(candidate)) as readonly unknown[] | undefined;
        if (!list) throw malformed('"embeddings" of a known type');
        const id = typeof body['id'] === 'string' ? body['id'] : null;
        const vectors = list.map(readVector);
        return { result: { kind: 'embeddings', vectors }, usage: usageOf(body['meta']), id, model: null };
      },
      write({ result, usage, id }, { body, exchangeId }) {
        const types = Array.isArray(body['embedding_types']) ? body['embedding_types'] : ['float'];
        return {
          id: id ?? exchangeId,
          embeddings: {
            ...(types.includes('float') ? { float: result.vectors } : {}),
            ...(types.includes('base64') ? { base64: result.vectors.map(toBase64) } : {}),
          },
          texts: Array.isArray(body['texts']) ? body['texts'] : [],
          meta: renderUsage(usage),
          response_type: 'embeddings_by_type',
        };
      },
    },
    chat,
  );

const inputTypes: Partial<Record<EmbeddingPurpose, string>> = {
  query: 'search_query',
  document: 'search_document',
  classification: 'classification',
  clustering: 'clustering',
};

const purposes: Readonly<Record<string, EmbeddingPurpose>> = {
  search_query: 'query',
  search_document: 'document',
  classification: 'classification',
  clustering: 'clustering',
};

function parseEmbed(body: JsonObject): EmbeddingWork {
  const truncate = optional(body['truncate'], 'truncate', readString);
  const type = optional(body['input_type'], 'input_type', readString);
  const types = optional(body['embedding_types'], 'embedding_types', readArray) ?? ['float'];
  return {
    kind: 'embeddings',
    inputs: [
      ...readTexts(body['texts']),
      ...(optional(body['images'], 'images', readArray) ?? []).map((url, i) =>
        imageOf(readString(url, `images[${i}]`)),
      ),
      ...(optional(body['inputs'], 'inputs', readArray) ?? []).map(readInput),
    ],
    dimensions: optional(body['output_dimension'], 'output_dimension', readCount),
    purpose: type === null ? null : (purposes[type] ?? null),
    truncate: truncate === null ? null : truncate !== 'NONE',
    encodings: types.map((name, i) => readString(name, `embedding_types[${i}]`)),
    words: {
      dimensions: 'output_dimension',
      purpose: 'input_type',
      truncate: 'truncate',
      encoding: 'embedding_types',
      tokens: 'texts',
      image: Array.isArray(body['inputs']) ? 'inputs' : 'images',
    },
  };
}

const readTexts = (texts: unknown): EmbeddingInput[] =>
  (optional(texts, 'texts', readArray) ?? []).map((text, i) => ({
    type: 'text',
    text: readString(text, `texts[${i}]`),
  }));

const imageOf = (url: string): EmbeddingInput => ({ type: 'image', source: { kind: 'url', url } });

/** A mix of texts and images makes one vector: with an image among them it is taken for one. */
function readInput(input: unknown, i: number): EmbeddingInput {
  const at = `inputs[${i}].content`;
  const parts = readArray(readObject(input, `inputs[${i}]`)['content'], at).map((part, j) =>
    readObject(part, `${at}[${j}]`),
  );
  const image = parts.find((part) => part['type'] === 'image_url');
  if (image) return imageOf(readString(readObject(image['image_url'], at)['url'], at));
  return { type: 'text', text: parts.map((part) => readString(part['text'], at)).join('\n') };
}
