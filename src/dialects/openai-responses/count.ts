import type { Dialect } from '#core/contracts/dialect.ts';
import { countingDialect } from '#core/counting-dialect.ts';

/** https://platform.openai.com/docs/api-reference/responses/input-tokens */
export const openaiCount = (responses: Dialect): Dialect =>
  countingDialect(
    {
      name: 'openai-count',
      operations: ['/v1/responses/input_tokens', '/openai/responses/input_tokens'],
      takes: [
        'model',
        'input',
        'instructions',
        'tools',
        'tool_choice',
        'parallel_tool_calls',
        'reasoning',
        'text',
      ],
      path: () => '/responses/input_tokens',
      read: ({ input_tokens: tokens }) => tokens,
      write: (tokens) => ({ object: 'response.input_tokens', input_tokens: tokens }),
    },
    responses,
  );
