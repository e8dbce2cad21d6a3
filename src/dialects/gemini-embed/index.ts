import type { JsonObject } from '#core/call.ts';
import type { CallLine, Dialect } from '#core/contracts/dialect.ts';
import { isObject } from '#core/read-json.ts';
import { tokenFigure } from '#core/token-figure.ts';
import { inputLine, totalsOf, type Usage } from '#core/usage.ts';
import { readList, readVector } from '#core/vectors.ts';
import { lossesOfEmbedding, textInputs } from '#core/embedding.ts';
import { workDialect } from '#core/work-dialect.ts';
import { foreignFields, parseEmbed, taskTypes } from './parse-embed.ts';

const places = ['/v1beta', '/v1'];
const operations = places.flatMap((place) =>
  ['embedContent', 'batchEmbedContents'].map((method) => `${place}/models/{+model}:${method}`),
);

const isBatch = ({ operation }: CallLine): boolean => operation.path.endsWith(':batchEmbedContents');

/** Gemini's embeddings, one or many. https://ai.google.dev/api/embeddings */
export const geminiEmbed = (chat: Dialect): Dialect =>
  workDialect(
    {
      name: 'gemini-embed',
      surface: 'embeddings',
      operations,
      modelInPath: true,
      fields: [
        'content',
        'requests',
        'model',
        'taskType',
        'task_type',
        'outputDimensionality',
        'output_dimensionality',
      ],
      parse: parseEmbed,
      restOf: foreignFields,
      render: (work, { model }) => ({
        body: {
          requests: textInputs(work).map((text) => ({
            model: `models/${model}`,
            content: { parts: [{ text }] },
            ...(work.purpose === null ? {} : { taskType: taskTypes[work.purpose] }),
            ...(work.dimensions === null ? {} : { outputDimensionality: work.dimensions }),
          })),
        },
        losses: lossesOfEmbedding(work, ['truncate']),
      }),
      path({ model }, line) {
        const method = line === null || isBatch(line) ? 'batchEmbedContents' : 'embedContent';
        return `/models/${encodeURI(model)}:${method}`;
      },
      relayEdits({ model: named, requests }, { model }) {
        const edits = new Map<string, string | null>();
        const name = `models/${model}`;
        if (named !== undefined && named !== name) edits.set('model', JSON.stringify(name));
        // Each of many says the model of its path once more.
        if (Array.isArray(requests) && requests.some((one) => !isObject(one) || one['model'] !== name))
          edits.set(
            'requests',
            JSON.stringify(requests.map((one) => (isObject(one) ? { ...one, model: name } : one))),
          );
        return edits;
      },
      read(body) {
        const list = body['embedding'] === undefined ? readList(body, 'embeddings') : [body['embedding']];
        const vectors = list.map((one) => readVector(isObject(one) ? one['values'] : one));
        const usage = usageOf(body['usageMetadata']);
        return { result: { kind: 'embeddings', vectors }, usage, id: null, model: null };
      },
      write({ result, usage }, { line }) {
        const embeddings = result.vectors.map((values) => ({ values }));
        const metadata: JsonObject = usage
          ? { usageMetadata: { promptTokenCount: totalsOf(usage.lines).input } }
          : {};
        return isBatch(line)
          ? { embeddings, ...metadata }
          : { embedding: embeddings[0] ?? { values: [] }, ...metadata };
      },
    },
    chat,
  );

function usageOf(raw: unknown): Usage | null {
  if (!isObject(raw) || typeof raw['promptTokenCount'] !== 'number') return null;
  const flags = new Set<string>();
  const lines = [inputLine(tokenFigure(raw, 'promptTokenCount', flags))];
  return { lines, source: flags.size > 0 ? 'provider_partial' : 'provider', raw, flags: [...flags] };
}
