import type { Dialect } from '#core/contracts/dialect.ts';
import { countingDialect } from '#core/counting-dialect.ts';
import { isObject } from '#core/read-json.ts';

const wrappers = ['generateContentRequest', 'generate_content_request'];

/** The contents alone, or a whole request within. https://ai.google.dev/api/tokens#v1beta.models.countTokens */
export const geminiCount = (chat: Dialect): Dialect =>
  countingDialect(
    {
      name: 'gemini-count',
      operations: chat.client.operations.flatMap(({ path }) =>
        path.endsWith(':generateContent') ? [path.replace(/generateContent$/, 'countTokens')] : [],
      ),
      callIn(body) {
        const within = wrappers.map((name) => body[name]).find(isObject);
        return within ?? body;
      },
      wrap: (call, { model }) => ({ generateContentRequest: { model: `models/${model}`, ...call } }),
      path: ({ model }) => `/models/${encodeURI(model)}:countTokens`,
      relayEdits(body, { model }) {
        const edits = new Map<string, string | null>();
        for (const name of wrappers) {
          const within = body[name];
          if (isObject(within) && within['model'] !== `models/${model}`)
            edits.set(name, JSON.stringify({ ...within, model: `models/${model}` }));
        }
        return edits;
      },
      read: ({ totalTokens }) => totalTokens,
      write: (tokens) => ({
        totalTokens: tokens,
        promptTokensDetails: [{ modality: 'TEXT', tokenCount: tokens }],
      }),
    },
    chat,
  );
