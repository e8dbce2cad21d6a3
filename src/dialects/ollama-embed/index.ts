import type { Dialect } from '#core/contracts/dialect.ts';
import { invalidField, optional, readArray, readBoolean, readCount, readString } from '#core/read-json.ts';
import { tokenFigure } from '#core/token-figure.ts';
import { inputLine, totalsOf } from '#core/usage.ts';
import { readList, readVector } from '#core/vectors.ts';
import { lossesOfEmbedding, textInputs } from '#core/embedding.ts';
import type { EmbeddingInput } from '#core/work.ts';
import { workDialect } from '#core/work-dialect.ts';

/** Its older form takes one text, and gives one vector without a count. */
const older = '/api/embeddings';

/** Ollama's embeddings. https://docs.ollama.com/api/embed */
export const ollamaEmbed = (chat: Dialect): Dialect =>
  workDialect(
    {
      name: 'ollama-embed',
      surface: 'embeddings',
      operations: ['/api/embed', older],
      fields: ['model', 'input', 'prompt', 'dimensions', 'truncate'],
      parse: (body, { operation }) => ({
        kind: 'embeddings',
        inputs:
          operation.path === older
            ? [{ type: 'text', text: readString(body['prompt'], 'prompt') }]
            : readInputs(body['input']),
        dimensions: optional(body['dimensions'], 'dimensions', readCount),
        purpose: null,
        truncate: optional(body['truncate'], 'truncate', readBoolean),
        encodings: ['float'],
        words: {
          dimensions: 'dimensions',
          purpose: '',
          truncate: 'truncate',
          encoding: '',
          tokens: 'input',
          image: 'input',
        },
      }),
      render: (work, target) => ({
        body: {
          model: target.model,
          input: textInputs(work),
          ...(work.dimensions === null ? {} : { dimensions: work.dimensions }),
          ...(work.truncate === null ? {} : { truncate: work.truncate }),
        },
        losses: lossesOfEmbedding(work, ['purpose']),
      }),
      path: (_target, line) => line?.operation.path ?? '/api/embed',
      read(body) {
        const vectors =
          body['embedding'] === undefined
            ? readList(body, 'embeddings').map(readVector)
            : [readVector(body['embedding'])];
        const model = typeof body['model'] === 'string' ? body['model'] : null;
        const flags = new Set<string>();
        const count = tokenFigure(body, 'prompt_eval_count', flags);
        const raw = { prompt_eval_count: body['prompt_eval_count'] };
        const isCounted = typeof body['prompt_eval_count'] === 'number';
        const usage = isCounted
          ? ({ lines: [inputLine(count)], source: 'provider', raw, flags: [...flags] } as const)
          : null;
        return { result: { kind: 'embeddings', vectors }, usage, id: null, model };
      },
      write({ result, usage }, { model, line }) {
        if (line.operation.path === older) return { embedding: result.vectors[0] ?? [] };
        return {
          model,
          embeddings: result.vectors,
          total_duration: 0,
          load_duration: 0,
          prompt_eval_count: usage ? totalsOf(usage.lines).input : 0,
        };
      },
    },
    chat,
  );

function readInputs(input: unknown): EmbeddingInput[] {
  if (typeof input === 'string') return [{ type: 'text', text: input }];
  if (!Array.isArray(input)) throw invalidField('input', 'a string or a list of strings', input);
  return readArray(input, 'input').map((text, i) => ({
    type: 'text',
    text: readString(text, `input[${i}]`),
  }));
}
