import { rateOf, type Piece } from '../draft.ts';
import type { Fields } from '../fields.ts';
import { baseUrlOf, isModelName, isTargetName, providerFor } from '../llm-parts.ts';
import { promptDecorate, promptGuard } from '../prompt-plugins.ts';
import { place } from '../route-parts.ts';
import { guarding, without } from '../plugin-reader.ts';
import type { Plugin, PluginPlace } from './plugin.ts';

/** Records of the catalogue by the names that providers have there. */
const kinds: Readonly<Record<string, string>> = {
  openai: 'openai',
  deepseek: 'deepseek',
  'azure-openai': 'azure',
  anthropic: 'anthropic',
  openrouter: 'openrouter',
  gemini: 'google',
};

interface Instance {
  readonly target: string;
  readonly model: string;
}

/** A target of one instance; null where it cannot be called. */
function readInstance(fields: Fields, at: PluginPlace, name: string): Instance | null {
  const provider = fields.text('provider') ?? 'openai';
  const auth = fields.within('auth');
  const header = auth?.within('header');
  const key = header && keyIn(header);
  if (header && key === null)
    header.restNotCarried('no key in a header that is known: give the provider its apiKey');
  header?.close('providers: apiKey');
  for (const other of ['query', 'gcp', 'aws'])
    if (auth?.has(other))
      auth.notCarried(other, 'give the provider its apiKey, or see docs/cloud-providers.md');
  auth?.close('providers');
  const options = fields.within('options');
  const model = options?.text('model');
  for (const each of options?.keys ?? [])
    if (each !== 'model')
      options!.notCarried(each, 'parameters are what clients ask for; see the policy parameter-rules');
  options?.close('models');
  const override = fields.within('override');
  const endpoint = override?.text('endpoint');
  override?.close('providers: baseUrl');
  for (const each of [
    'timeout',
    'keepalive',
    'keepalive_timeout',
    'keepalive_pool',
    'ssl_verify',
    'max_req_body_size',
  ])
    if (fields.has(each)) fields.notCarried(each, 'see providers: timeouts and tls, and bodyLimit');
  const logging = fields.within('logging');
  logging?.restNotCarried(
    'usage is on the ledger; what is asked and answered is recorded by the policy audit',
  );
  const kind = Object.hasOwn(kinds, provider) ? kinds[provider]! : null;
  const baseUrl = endpoint === undefined ? null : baseUrlOf(endpoint);
  if (kind === null && baseUrl === null) {
    fields.notCarried('provider', `"${provider}" needs an address: override.endpoint`);
    return null;
  }
  if (model === undefined || !isModelName(model) || !isTargetName(model)) {
    fields.report.notCarried([...fields.path, 'options', 'model'], 'the model must be named');
    return null;
  }
  const known = at.providers;
  const own = providerFor(at.parts.draft, known, {
    name: provider,
    kind,
    baseUrl,
    key: key ?? null,
    keyOf: `key of ${provider} (route ${name})`,
  });
  return { target: `${own}/${model}`, model };
}

/** Of `Authorization: Bearer …`, `api-key` or `x-api-key`. */
function keyIn(header: Fields): string | null {
  for (const key of header.keys) {
    if (!/^(authorization|api-key|x-api-key|x-goog-api-key)$/i.test(key)) continue;
    const value = header.text(key);
    if (value !== undefined) return value.replace(/^Bearer\s+/i, '');
  }
  return null;
}

/** The route leads to models: clients name them, by one of the paths that SDKs know below the route's own. */
function leadToModels(fields: Fields, { parts }: PluginPlace, model: string): void {
  parts.answer = { llm: { models: [model] } };
  fields.report.differs(
    [...fields.path, 'options'],
    `clients ask for the model "${model}", in any dialect, at its usual path (/v1/chat/completions) below that of the route`,
  );
}

const aiProxy: Plugin = (fields, at) => {
  const found = readInstance(fields, at, at.name);
  if (!found) {
    at.parts.unsafe ??= 'ai-proxy is not carried over';
    return fields.close('providers');
  }
  addModel(at, found.model, { targets: [found.target] });
  leadToModels(fields, at, found.model);
  fields.close('providers and models');
};

/** A name that two routes use for different targets is the first one's; the other has another. */
function addModel({ parts, name }: PluginPlace, model: string, piece: Piece): string {
  const { draft } = parts;
  const before = draft.get('models', model);
  if (!before) draft.set('models', model, piece);
  else if (JSON.stringify(before) !== JSON.stringify(piece))
    return draft.add('models', `${name}-${model}`, piece);
  return model;
}

const aiProxyMulti: Plugin = (fields, at) => {
  const balancer = fields.within('balancer');
  const algorithm = balancer?.text('algorithm') ?? 'roundrobin';
  for (const key of ['hash_on', 'key'])
    if (balancer?.has(key)) balancer.differs(key, 'calls with the same prompt meet the same target');
  balancer?.close('models: strategy');
  if (fields.has('fallback_strategy'))
    fields.differs('fallback_strategy', 'the next target takes over as long as nothing was delivered');
  const found = fields.each('instances').flatMap((each) => {
    each.text('name');
    const weight = Math.min(1000, Math.floor(each.amount('weight') ?? 1));
    const priority = each.amount('priority') ?? 0;
    if (each.has('checks'))
      each.notCarried('checks', 'members that fail are put out: health.passive of the model');
    const instance = readInstance(each, at, at.name);
    each.close('models: targets');
    return instance ? [{ ...instance, weight, priority }] : [];
  });
  if (found.length === 0) {
    at.parts.unsafe ??= 'ai-proxy-multi is not carried over';
    return fields.restNotCarried('none of its instances can be called');
  }
  const ranks = [...new Set(found.map(({ priority }) => priority))].sort((a, b) => b - a);
  const targets = found.map(({ target, weight, priority }) => ({
    target,
    weight,
    priority: Math.min(100, ranks.indexOf(priority)),
  }));
  const strategy = algorithm === 'chash' ? 'consistent-hash' : 'round-robin';
  const names = new Set(found.map(({ model }) => model));
  const wanted = names.size === 1 ? found[0]!.model : at.name;
  leadToModels(fields, at, addModel(at, wanted, { targets, strategy }));
  fields.close('models');
};

const aiRateLimiting: Plugin = (fields, { parts }) => {
  const strategy = fields.text('limit_strategy') ?? 'total_tokens';
  const sorts: Record<string, string> = {
    total_tokens: 'tokens',
    prompt_tokens: 'inputTokens',
    completion_tokens: 'outputTokens',
  };
  const sort = Object.hasOwn(sorts, strategy) ? sorts[strategy]! : null;
  const rate = rateOf(fields.amount('limit') ?? 0, fields.amount('time_window') ?? 0);
  for (const key of ['rejected_code', 'rejected_msg', 'show_limit_quota_header'])
    if (fields.has(key))
      fields.differs(key, 'refused calls get 429 in the client’s dialect, with the usual headers');
  if (fields.has('instances')) fields.notCarried('instances', 'write rate-limit by provider');
  if (sort === null || rate === null)
    return fields.restNotCarried('no number of tokens in a number of seconds');
  fields.differs(
    'limit',
    'what a call is expected to use is reserved before it, and corrected by what it used',
  );
  parts.policy(place.limit, 'rate-limit', { by: 'route', [sort]: rate });
  fields.close('rate-limit');
};

export const aiPlugins: Readonly<Record<string, Plugin>> = {
  'ai-proxy': aiProxy,
  'ai-proxy-multi': aiProxyMulti,
  'ai-rate-limiting': aiRateLimiting,
  'ai-prompt-guard': promptGuard({
    readsLast: (fields) => fields.flag('match_all_conversation_history') !== true,
  }),
  'ai-prompt-template': without('write the policy prompt-template'),
  'ai-prompt-decorator': (fields, { parts }) => promptDecorate(fields, parts),
  'ai-aws-content-moderation': guarding('there is no such filter'),
  'ai-aliyun-content-moderation': guarding('there is no such filter'),
  'ai-rag': without('there is no such step'),
  'ai-request-rewrite': without('there is no such step'),
};
