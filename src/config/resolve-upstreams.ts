import type { UpstreamGroup, UpstreamMember } from '#core/snapshot.ts';
import { resolveHedge, resolveRetries } from './resolve-retries.ts';
import type { ConfigDocument, UpstreamSettings } from './schema.ts';

export function resolveUpstreams(document: ConfigDocument): Record<string, UpstreamGroup> {
  const groups: Record<string, UpstreamGroup> = {};
  for (const [name, settings] of Object.entries(document.upstreams ?? {}))
    groups[name] = resolveUpstream(name, settings);
  return groups;
}

export function resolveUpstream(name: string, { targets, retries, hedge }: UpstreamSettings): UpstreamGroup {
  const members = new Map<string, UpstreamMember>();
  for (const entry of targets) {
    const { url: written, weight = 1, priority = 0 } = typeof entry === 'string' ? { url: entry } : entry;
    const url = written.replace(/\/$/, '');
    // A server that is listed twice is one server with both shares.
    const sameServer = members.get(url);
    members.set(url, { url, weight: weight + (sameServer?.weight ?? 0), priority });
  }
  return {
    name,
    members: [...members.values()],
    ...(retries ? { retries: resolveRetries(retries) } : {}),
    ...(hedge ? { hedge: resolveHedge(hedge) } : {}),
  };
}
