import type { JsonObject } from '#core/call.ts';
import type { ProviderAsk } from '#core/contracts/dialect.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import type { Target } from '#core/target.ts';

/**
 * Clouds give each model an address of its own: the model stands in the path, and the version of the format, which elsewhere is a
 * header, in the body.
 * https://docs.claude.com/en/api/claude-on-vertex-ai, https://docs.claude.com/en/api/claude-on-amazon-bedrock
 */
export function pathOf({ provider, model }: Target, { stream }: Pick<ProviderAsk, 'stream'>): string {
  const { hosted } = provider.quirks;
  if (!hosted) return '/v1/messages';
  // Versions of models are marked with it: claude-…@20250929.
  const escaped = encodeURIComponent(model).replaceAll('%40', '@');
  return (stream ? hosted.streamPath : hosted.path).replace('{model}', () => escaped);
}

/** The fields to set and to leave out in a call that a client of this dialect wrote. */
export function relayEdits(
  body: JsonObject,
  { provider, model }: Target,
  clientHeaders: HeaderList,
): Map<string, string | null> {
  const edits = new Map<string, string | null>();
  const { hosted } = provider.quirks;
  if (!hosted) {
    if (body['model'] !== model) edits.set('model', JSON.stringify(model));
    return edits;
  }
  edits.set('model', null);
  if (body['anthropic_version'] !== hosted.version)
    edits.set('anthropic_version', JSON.stringify(hosted.version));
  if (hosted.streamByPath && 'stream' in body) edits.set('stream', null);
  const betas = headerOf(clientHeaders, 'anthropic-beta');
  if (hosted.betasInBody && betas !== undefined && !('anthropic_beta' in body))
    edits.set('anthropic_beta', JSON.stringify(betas.split(',').map((beta) => beta.trim())));
  return edits;
}

/** How a call that is written anew says which model it is for. */
export function addressed({ provider, model }: Target): JsonObject {
  const { hosted } = provider.quirks;
  return hosted ? { anthropic_version: hosted.version } : { model };
}

/** How it says that it wants a stream. */
export const streaming = ({ provider }: Target): JsonObject =>
  provider.quirks.hosted?.streamByPath ? {} : { stream: true };
