import type { Snapshot } from '#core/snapshot.ts';
import { listenerUrl, localUrl } from './listener-address.ts';

export interface BannerFacts {
  readonly snapshot: Snapshot;
  /** Of the listeners, in their order. */
  readonly ports: readonly number[];
  readonly adminPort: number;
  readonly stateDirectory: string;
  /** Null once it was revoked, or when keys come from a file. */
  readonly firstKey: string | null;
}

/** What a person needs to make the first call. */
export function renderBanner({ snapshot, ports, adminPort, stateDirectory, firstKey }: BannerFacts): string {
  const [base, ...others] = snapshot.listen.map((listener, i) => listenerUrl(listener, ports[i]!));
  const model = Object.values(snapshot.models).find((candidate) => candidate.listed)?.name;
  const providers = Object.values(snapshot.providers);
  const simulated = providers.every((provider) => provider.baseUrl.startsWith('builtin:'));
  const lines = [
    '',
    `  Sluice listens on ${base} (${snapshot.threads} thread${snapshot.threads === 1 ? '' : 's'})`,
    ...others.map((url) => `  and on            ${url}`),
    `  Admin             ${localUrl(snapshot.admin, adminPort)}  (the console; /readyz, /metrics)`,
    `  State             ${stateDirectory}`,
    `  Providers         ${providers.map((provider) => provider.name).join(', ') || 'none'}`,
  ];
  if (simulated && providers.length) {
    lines.push(
      "                    A built-in SIMULATED model answers. Set OPENAI_API_KEY or another provider's key for real ones.",
    );
  }
  if (firstKey === null || model === undefined) return `${lines.join('\n')}\n`;
  lines.push(
    `  Key               ${firstKey}`,
    '',
    '  Try it:',
    '',
    `    curl -N ${base}/v1/chat/completions \\`,
    `      -H 'authorization: Bearer ${firstKey}' -H 'content-type: application/json' \\`,
    `      -d '{"model":"${model}","stream":true,"messages":[{"role":"user","content":"Say hello"}]}'`,
    '',
    '  or with the openai SDK:',
    '',
    `    const client = new OpenAI({ baseURL: '${base}/v1', apiKey: '${firstKey}' });`,
    `    const stream = await client.chat.completions.create({ model: '${model}', stream: true,`,
    "      messages: [{ role: 'user', content: 'Say hello' }] });",
    "    for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '');",
    '',
  );
  return `${lines.join('\n')}\n`;
}
