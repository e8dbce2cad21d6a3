import type { Dialect } from '#core/contracts/dialect.ts';
import { invalidField, isObject, optional, readCount, readString } from '#core/read-json.ts';
import { tokenFigure } from '#core/token-figure.ts';
import { inputLine, totalsOf, type Usage } from '#core/usage.ts';
import { readList, readVector, toBase64 } from '#core/vectors.ts';
import { lossesOfEmbedding, textOrTokenInputs } from '#core/embedding.ts';
import type { EmbeddingInput } from '#core/work.ts';
import { workDialect } from '#core/work-dialect.ts';

/** OpenAI's embeddings, and the many providers that speak like it. https://platform.openai.com/docs/api-reference/embeddings */
export const openaiEmbeddings = (chat: Dialect): Dialect =>
  workDialect(
    {
      name: 'openai-embeddings',
      surface: 'embeddings',
      operations: ['/v1/embeddings', '/openai/deployments/{model}/embeddings', '/openai/v1/embeddings'],
      fields: ['model', 'input', 'dimensions', 'encoding_format'],
      parse: (body) => ({
        kind: 'embeddings',
        inputs: readInputs(body['input']),
        dimensions: optional(body['dimensions'], 'dimensions', readCount),
        purpose: null,
        truncate: null,
        encodings: [optional(body['encoding_format'], 'encoding_format', readString) ?? 'float'],
        words: {
          dimensions: 'dimensions',
          purpose: '',
          truncate: '',
          encoding: 'encoding_format',
          tokens: 'input',
          image: 'input',
        },
      }),
      render: (work, target) => ({
        body: {
          model: target.model,
          input: textOrTokenInputs(work),
          ...(work.dimensions === null ? {} : { dimensions: work.dimensions }),
          encoding_format: 'float',
        },
        losses: lossesOfEmbedding(work, ['purpose', 'truncate']),
      }),
      path: () => '/embeddings',
      read(body) {
        const data = readList(body, 'data').filter(isObject);
        const vectors = data
          .toSorted((a, b) => Number(a['index'] ?? 0) - Number(b['index'] ?? 0))
          .map(({ embedding }) => readVector(embedding));
        const model = typeof body['model'] === 'string' ? body['model'] : null;
        return { result: { kind: 'embeddings', vectors }, usage: usageOf(body['usage']), id: null, model };
      },
      write({ result, usage }, { model, body }) {
        const isBase64 = body['encoding_format'] === 'base64';
        const tokens = usage ? totalsOf(usage.lines).input : 0;
        return {
          object: 'list',
          data: result.vectors.map((vector, index) => ({
            object: 'embedding',
            index,
            embedding: isBase64 ? toBase64(vector) : vector,
          })),
          model,
          usage: { prompt_tokens: tokens, total_tokens: tokens },
        };
      },
    },
    chat,
  );

/** One text, or one input as tokens, or a list of either. */
function readInputs(input: unknown): EmbeddingInput[] {
  if (typeof input === 'string') return [{ type: 'text', text: input }];
  if (!Array.isArray(input) || input.length === 0)
    throw invalidField('input', 'a string, or a list of strings or tokens', input);
  if (input.every((item) => typeof item === 'number')) return [readTokens(input, 'input')];
  return input.map((item: unknown, i) =>
    typeof item === 'string' ? { type: 'text', text: item } : readTokens(item, `input[${i}]`),
  );
}

function readTokens(value: unknown, path: string): EmbeddingInput {
  if (!Array.isArray(value)) throw invalidField(path, 'a string or a list of tokens', value);
  return { type: 'tokens', tokens: value.map((token: unknown, i) => readCount(token, `${path}[${i}]`)) };
}

function usageOf(raw: unknown): Usage | null {
  if (!isObject(raw)) return null;
  const flags = new Set<string>();
  const name = typeof raw['prompt_tokens'] === 'number' ? 'prompt_tokens' : 'total_tokens';
  const lines = [inputLine(tokenFigure(raw, name, flags))];
  return { lines, source: flags.size > 0 ? 'provider_partial' : 'provider', raw, flags: [...flags] };
}
