import type { ConfigDocument } from '#config/schema.ts';

const hidden = '[hidden]';

/** A document's text with the secrets that are written in it literally, rather than referred to, taken out. */
export function hideSecrets(text: string, document: ConfigDocument): string {
  // Longest first: one secret may begin like another.
  const secrets = secretsOf(document).sort((a, b) => b.length - a.length);
  let shown = text;
  for (const secret of secrets) {
    const escaped = secret.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    // Whole values only, so that a short one does not tear holes into other words.
    shown = shown.replace(new RegExp(`(?<=^|[\\s'":,{[])${escaped}(?=$|[\\s'",}\\]])`, 'g'), () => hidden);
  }
  return shown;
}

function secretsOf({ providers = {}, keys = {} }: ConfigDocument): string[] {
  const found: (string | undefined)[] = [];
  for (const provider of Object.values(providers)) {
    found.push(provider.apiKey, provider.tls?.key, ...Object.values(provider.headers ?? {}));
    if (provider.proxy !== undefined && URL.canParse(provider.proxy)) {
      // A proxy's password stands within its URL.
      if (new URL(provider.proxy).password !== '') found.push(provider.proxy);
    }
  }
  for (const key of Object.values(keys)) found.push(key.secret);
  return found.filter((secret): secret is string => secret !== undefined && secret !== '');
}
