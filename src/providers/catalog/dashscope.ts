import type { ProviderRecord } from '#core/target.ts';

/** Accounts outside China use `https://dashscope-intl.aliyuncs.com/compatible-mode/v1`. */
export const dashscope: ProviderRecord = {
  name: 'dashscope',
  title: 'Qwen (DashScope)',
  dialect: 'openai-chat',
  baseUrl: 'https://dashscope.aliyuncs.com/compatible-mode/v1',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  variable: 'DASHSCOPE_API_KEY',
  modelPrefixes: ['qwen', 'qwq-'],
  models: ['qwen-max', 'qwen-turbo', 'qwen3.7-plus', 'qwen3.8-max'],
  quirks: { maxTokensField: 'max_tokens', reasoningField: 'reasoning_content' },
  priceList: null,
  source: 'https://help.aliyun.com/zh/model-studio/compatibility-of-openai-with-dashscope',
};
