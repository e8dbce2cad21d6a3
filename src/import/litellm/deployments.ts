import type { Draft } from '../draft.ts';
import type { Fields } from '../fields.ts';
import { baseUrlOf, isModelName, isTargetName, providerFor } from '../llm-parts.ts';

/** Records of the catalogue by the prefixes of models there. */
const kinds: Readonly<Record<string, string>> = {
  ...{ openai: 'openai', azure: 'azure', anthropic: 'anthropic', gemini: 'google', vertex_ai: 'vertex' },
  ...{ bedrock: 'bedrock', cohere: 'cohere', mistral: 'mistral', groq: 'groq', deepseek: 'deepseek' },
  ...{ openrouter: 'openrouter', together_ai: 'together', fireworks_ai: 'fireworks', xai: 'xai' },
  ...{ perplexity: 'perplexity', ollama: 'ollama', ollama_chat: 'ollama', hosted_vllm: 'vllm' },
  ...{ cerebras: 'cerebras', nvidia_nim: 'nvidia', huggingface: 'huggingface', github: 'github' },
  ...{ dashscope: 'dashscope', moonshot: 'moonshot', volcengine: 'doubao', lm_studio: 'lm-studio' },
};

export interface ReadDeployment {
  readonly group: string;
  readonly target: string;
  readonly weight: number;
  readonly priority: number;
}

/** Null where it cannot be called. */
export function readDeployment(
  fields: Fields,
  draft: Draft,
  providers: Map<string, string>,
): ReadDeployment | null {
  const group = fields.text('model_name');
  const params = fields.within('litellm_params');
  const written = params?.text('model') ?? '';
  const [, prefix, model = ''] = /^(?:([a-z_]+)\/)?(\S*)$/.exec(written) ?? [];
  const key = params?.text('api_key') ?? null;
  const base = params?.text('api_base');
  const weight = Math.min(1000, Math.floor(params?.amount('weight') ?? 1));
  const priority = Math.min(100, Math.max(0, Math.floor(params?.amount('order') ?? 1) - 1));
  for (const each of ['rpm', 'tpm', 'max_parallel_requests'])
    if (params?.has(each)) params.notCarried(each, 'say pace of the provider, or rate-limit by provider');
  const kind = prefix === undefined ? 'openai' : Object.hasOwn(kinds, prefix) ? kinds[prefix]! : null;
  const baseUrl = base === undefined ? null : baseUrlOf(base);
  // An address of one's own is a server that speaks as OpenAI's does.
  const own = kind === 'openai' && baseUrl !== null ? null : kind;
  const isCallable = group !== undefined && isModelName(group) && isTargetName(model) && !model.includes('*');
  if (!params || !isCallable || (own === null && baseUrl === null)) {
    params?.notCarried(
      'model',
      'a name, a known provider or an address, and a model are needed; of patterns name provider/model',
    );
    params?.restNotCarried('the deployment is left out');
    fields.restNotCarried('the deployment is left out');
    return null;
  }
  const provider = providerFor(draft, providers, {
    ...{ name: prefix ?? 'openai', kind: own, baseUrl, key },
    keyOf: `key of ${prefix ?? 'openai'} (model ${group})`,
  });
  const target = `${provider}/${model}`;
  params.close('providers and models');
  for (const each of params.keys)
    if (!known.has(each))
      params.notCarried(each, 'see providers, parameter-rules and docs/cloud-providers.md');
  readInfo(fields, draft, target);
  fields.close('models');
  return { group, target, weight, priority };
}

const known = new Set([
  'model',
  'api_key',
  'api_base',
  'weight',
  'order',
  'rpm',
  'tpm',
  'max_parallel_requests',
]);

/** Prices are of one token there. */
function readInfo(fields: Fields, draft: Draft, target: string): void {
  const info = fields.within('model_info');
  if (!info) return;
  const perMillion = (key: string): string | undefined => {
    const cost = info.amount(key);
    return cost === undefined || cost > 1 ? undefined : (cost * 1e6).toFixed(9).replace(/\.?0+$/, '');
  };
  const input = perMillion('input_cost_per_token');
  const output = perMillion('output_cost_per_token');
  const cacheRead = perMillion('cache_read_input_token_cost');
  if (input !== undefined && output !== undefined)
    draft.set('prices', target, { input, output, ...(cacheRead === undefined ? {} : { cacheRead }) });
  info.close('prices');
  info.restNotCarried('models are known by what they are');
}
