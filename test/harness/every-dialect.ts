import { startSimulator } from '../../simulator/server.ts';
import type { TestGatewayOptions } from './gateway.ts';

/** Paths of the simulator in each dialect, below its address. */
export const providers = {
  o: { kind: 'openai', path: '/v1' },
  a: { kind: 'anthropic', path: '' },
  c: { dialect: 'cohere-chat', path: '' },
  t: { dialect: 'openai-completions', path: '/v1' },
  m: { kind: 'mistral', path: '/mistral/v1' },
  l: { dialect: 'ollama-chat', path: '' },
  g: { kind: 'google', path: '/v1beta' },
  r: { dialect: 'openai-responses', path: '/v1' },
  b: { dialect: 'bedrock-converse', path: '' },
} as const;

/** A gateway with a provider for each dialect and one LLM route for every path. `more` is set on each provider. */
export async function everyDialect(more: object = {}): Promise<TestGatewayOptions> {
  const simulator = await startSimulator({ port: 0 });
  return {
    simulator,
    config: {
      providers: Object.fromEntries(
        Object.entries(providers).map(([name, { path, ...settings }]) => [
          name,
          { ...settings, ...more, baseUrl: `${simulator.url}${path}`, apiKey: 'sk-upstream' },
        ]),
      ),
      prices: Object.fromEntries(
        Object.keys(providers).map((name) => [`${name}/*`, { input: '2', output: '8' }]),
      ),
      policies: [{ 'key-auth': { query: 'key' } }, { 'model-access': {} }],
      routes: [{ name: 'llm', match: { path: '/**' }, to: { llm: {} } }],
    },
  };
}
