import type { Dialect } from '#core/contracts/dialect.ts';
import { Fault } from '#core/fault.ts';
import { countingDialect } from '#core/counting-dialect.ts';

/** https://docs.anthropic.com/en/api/messages-count-tokens */
export const anthropicCount = (chat: Dialect): Dialect =>
  countingDialect(
    {
      name: 'anthropic-count',
      operations: ['/v1/messages/count_tokens'],
      takes: ['model', 'messages', 'system', 'tools', 'tool_choice', 'thinking', 'output_config'],
      path({ provider }) {
        if (!provider.quirks.hosted) return '/v1/messages/count_tokens';
        throw new Fault(
          'dialect/unsupported',
          `${provider.name} hosts the models without their count of tokens.`,
        );
      },
      read: ({ input_tokens: tokens }) => tokens,
      write: (tokens) => ({ input_tokens: tokens }),
    },
    chat,
  );
