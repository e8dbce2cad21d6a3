import { rateOf } from '../draft.ts';
import type { Fields } from '../fields.ts';
import { baseUrlOf, isModelName, isTargetName, providerFor } from '../llm-parts.ts';
import { guarding, without } from '../plugin-reader.ts';
import { promptDecorate, promptGuard } from '../prompt-plugins.ts';
import type { Plugin, PluginPlace } from './plugin.ts';

/** Records of the catalogue by the names that providers have there. */
const kinds: Readonly<Record<string, string>> = {
  openai: 'openai',
  azure: 'azure',
  anthropic: 'anthropic',
  cohere: 'cohere',
  mistral: 'mistral',
  gemini: 'google',
  bedrock: 'bedrock',
  huggingface: 'huggingface',
};

interface Target {
  readonly target: string;
  readonly model: string;
}

/** `auth`, `model` and `logging` of one target; null where it cannot be called. */
function readTarget(fields: Fields, at: PluginPlace): Target | null {
  const type = fields.text('route_type');
  if (type !== undefined)
    fields.differs('route_type', 'clients may ask for whatever the model can, at its usual path');
  const auth = fields.within('auth');
  const key = auth?.text('header_value') ?? auth?.text('param_value');
  for (const each of ['header_name', 'param_name', 'param_location']) auth?.take(each);
  for (const each of auth?.keys ?? [])
    if (/^(aws|azure|gcp)_|allow_override/.test(each)) auth!.notCarried(each, 'see docs/cloud-providers.md');
  auth?.close('providers: apiKey');
  fields
    .within('logging')
    ?.restNotCarried('usage is on the ledger; what is asked and answered is recorded by the policy audit');
  const model = fields.within('model');
  const provider = model?.text('provider') ?? '';
  const name = model?.text('name');
  const options = model?.within('options');
  const url = options?.text('upstream_url');
  const instance = options?.text('azure_instance');
  options?.text('azure_deployment_id');
  for (const each of options?.keys ?? [])
    if (!['upstream_url', 'azure_instance', 'azure_deployment_id'].includes(each))
      options!.notCarried(each, 'parameters are what clients ask for; see the policy parameter-rules');
  options?.close('providers');
  if (model?.has('model_alias')) model.notCarried('model_alias', 'write a name under models');
  model?.close('models');
  const known = Object.hasOwn(kinds, provider) ? kinds[provider]! : null;
  const azure = instance === undefined ? null : `https://${instance}.openai.azure.com/openai/v1`;
  const baseUrl = url === undefined ? azure : baseUrlOf(url);
  // An address of one's own is a server that speaks as OpenAI's does.
  const kind = provider === 'openai' && baseUrl !== null ? null : known;
  if (
    name === undefined ||
    !isModelName(name) ||
    !isTargetName(name) ||
    (kind === null && baseUrl === null)
  ) {
    fields.report.notCarried(
      [...fields.path, 'model', 'name'],
      'a known provider, or an address, and a model are needed',
    );
    return null;
  }
  const own = providerFor(at.parts.draft, at.providers, {
    name: provider || 'llm',
    kind,
    baseUrl,
    key: key?.replace(/^Bearer\s+/i, '') ?? null,
    keyOf: `key of ${provider} (route ${at.name})`,
  });
  return { target: `${own}/${name}`, model: name };
}

function leadToModel(
  fields: Fields,
  { parts, name }: PluginPlace,
  found: { readonly model: string; readonly piece: Record<string, unknown> },
): void {
  const { draft } = parts;
  const before = draft.get('models', found.model);
  const isOther = before !== undefined && JSON.stringify(before) !== JSON.stringify(found.piece);
  const model = isOther ? draft.add('models', `${name}-${found.model}`, found.piece) : found.model;
  if (!before) draft.set('models', model, found.piece);
  parts.answer = { llm: { models: [model] } };
  fields.report.differs(
    [...fields.path, 'llm_format'],
    `clients ask for the model "${model}", in any dialect, at its usual path (/v1/chat/completions) below that of the route`,
  );
}

const aiProxy: Plugin = (config, at) => {
  const found = readTarget(config, at);
  if (config.has('response_streaming'))
    config.differs('response_streaming', 'clients say whether they want a stream');
  for (const key of ['max_request_body_size', 'model_name_header', 'genai_category'])
    if (config.has(key)) config.notCarried(key, 'see bodyLimit');
  if (found) leadToModel(config, at, { model: found.model, piece: { targets: [found.target] } });
  else at.parts.unsafe ??= 'ai-proxy is not carried over';
  config.close('providers and models');
};

const strategies: Readonly<Record<string, string>> = {
  'round-robin': 'round-robin',
  'lowest-latency': 'latency',
  'lowest-usage': 'quota',
  'consistent-hashing': 'consistent-hash',
  'least-connections': 'least-connections',
  priority: 'round-robin',
};

const aiProxyAdvanced: Plugin = (config, at) => {
  const balancer = config.within('balancer');
  const algorithm = balancer?.text('algorithm') ?? 'round-robin';
  const strategy = Object.hasOwn(strategies, algorithm) ? strategies[algorithm]! : null;
  if (strategy === null) balancer!.notCarried('algorithm', 'round-robin is taken; see docs/model-routing.md');
  const retries = balancer?.amount('retries');
  for (const key of balancer?.keys ?? [])
    if (!['algorithm', 'retries'].includes(key))
      balancer!.differs(key, 'see models: retries, timeouts of providers, and health.passive');
  balancer?.close('models: strategy');
  const found = config.each('targets').flatMap((each) => {
    const weight = Math.min(1000, Math.floor(each.amount('weight') ?? 100));
    for (const key of ['id', 'description', 'metadata', 'semantic_threshold'])
      if (each.has(key)) each.notCarried(key, 'it changes nothing');
    const target = readTarget(each, at);
    each.close('models: targets');
    return target ? [{ ...target, weight }] : [];
  });
  for (const key of [
    'embeddings',
    'vectordb',
    'response_streaming',
    'max_request_body_size',
    'model_name_header',
  ])
    if (config.has(key)) config.notCarried(key, 'there is no choice by meaning');
  if (found.length === 0) {
    at.parts.unsafe ??= 'ai-proxy-advanced is not carried over';
    return config.restNotCarried('none of its targets can be called');
  }
  const names = new Set(found.map(({ model }) => model));
  const piece = {
    targets: found.map(({ target, weight }) => ({ target, weight })),
    strategy: strategy ?? 'round-robin',
    ...(retries === undefined ? {} : { retries: { attempts: Math.min(10, Math.floor(retries) + 1) } }),
  };
  leadToModel(config, at, { model: names.size === 1 ? found[0]!.model : at.name, piece });
  config.close('models');
};

const aiRateLimiting: Plugin = (config, { parts }) => {
  const rates = config.each('llm_providers').flatMap((each) => {
    const limit = each.amount('limit') ?? each.numbers('limit')?.[0] ?? 0;
    const seconds = each.amount('window_size') ?? each.numbers('window_size')?.[0] ?? 0;
    const rate = rateOf(limit, seconds);
    each.differs('name', 'the limit holds for the route, whichever provider answers');
    each.close('rate-limit');
    return rate === null ? [] : [rate];
  });
  const strategy = config.text('tokens_count_strategy') ?? 'total_tokens';
  const sorts: Record<string, string> = {
    total_tokens: 'tokens',
    prompt_tokens: 'inputTokens',
    completion_tokens: 'outputTokens',
  };
  const sort = Object.hasOwn(sorts, strategy) ? sorts[strategy]! : null;
  const by = config.text('identifier') ?? 'consumer';
  for (const key of [
    'strategy',
    'sync_rate',
    'redis',
    'window_type',
    'error_code',
    'error_message',
    'header_name',
    'hide_client_headers',
  ])
    if (config.has(key))
      config.differs(key, 'refused calls get 429; nodes that share limits do so by storage.redis');
  if (sort === null || rates.length === 0)
    return config.restNotCarried('no numbers of tokens in numbers of seconds');
  parts.limit('rate-limit', (own) => ({
    by: by === 'ip' || !own.isAuthenticated ? 'address' : by === 'credential' ? 'key' : 'consumer',
    [sort]: [...new Set(rates)].slice(0, 8),
  }));
  config.close('rate-limit');
};

export const aiPlugins: Readonly<Record<string, Plugin>> = {
  'ai-proxy': aiProxy,
  'ai-proxy-advanced': aiProxyAdvanced,
  'ai-rate-limiting-advanced': aiRateLimiting,
  'ai-prompt-guard': promptGuard({
    readsLast: (fields) => fields.flag('allow_all_conversation_history') === true,
  }),
  'ai-semantic-prompt-guard': guarding('there is no guard by meaning'),
  'ai-azure-content-safety': guarding('there is no such filter'),
  'ai-prompt-template': without('write the policy prompt-template'),
  'ai-prompt-decorator'(config, { parts }) {
    const prompts = config.within('prompts');
    if (prompts) promptDecorate(prompts, parts);
    for (const key of ['max_request_body_size', 'genai_category', 'llm_format'])
      if (config.has(key)) config.differs(key, 'every dialect is read; bodies are bounded by bodyLimit');
    config.close('prompt-decorate');
  },
  'ai-request-transformer': without('there is no such step'),
  'ai-response-transformer': without('there is no such step'),
  'ai-semantic-cache': without('answers are not kept by meaning'),
  'ai-rag-injector': without('there is no such step'),
};
