import type { ProviderRecord } from '#core/target.ts';

/** Its server listens on 8080 unless told otherwise, where this gateway does, too: start it with `--port 8081`. */
export const llamaCpp: ProviderRecord = {
  name: 'llama-cpp',
  title: 'llama.cpp',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:8081/v1',
  credential: null,
  speaks: [{ dialect: 'openai-completions' }],
  variable: null,
  modelPrefixes: [],
  models: [],
  quirks: { maxTokensField: 'max_tokens', reasoningField: 'reasoning_content' },
  priceList: null,
  source: 'https://github.com/ggml-org/llama.cpp/tree/master/tools/server',
};
