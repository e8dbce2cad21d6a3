import type { ServiceSource } from '#core/snapshot.ts';
import type { ServiceSettings } from './schema-service.ts';

/** Where a claim says it, callers' own word counts only if it is asked for. */
export function resolveService({ header, claim, forward = false }: ServiceSettings): ServiceSource {
  const asked = header ?? (claim === undefined ? 'x-sluice-service' : null);
  return { header: asked?.toLowerCase() ?? null, claim: claim ?? null, forward };
}
