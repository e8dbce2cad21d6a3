/** What a cache did with a request (RFC 9211). */
export interface CacheStatus {
  /** It was answered out of the cache, without asking. */
  readonly hit?: boolean;
  /** Why it went on: `uri-miss`, `vary-miss`, `stale`, `request`, `bypass`, `method`. */
  readonly fwd?: string;
  /** What it was answered there. */
  readonly status?: number;
  readonly stored?: boolean;
  /** It waited for another request's answer. */
  readonly collapsed?: boolean;
  readonly ttlMs?: number;
  readonly detail?: string;
}

export function renderCacheStatus(of: CacheStatus): string {
  const parts = ['sluice'];
  if (of.hit) parts.push('hit');
  else if (of.fwd !== undefined) parts.push(`fwd=${of.fwd}`);
  if (of.status !== undefined) parts.push(`fwd-status=${of.status}`);
  if (of.ttlMs !== undefined) parts.push(`ttl=${Math.floor(of.ttlMs / 1000)}`);
  if (of.stored) parts.push('stored');
  if (of.collapsed) parts.push('collapsed');
  if (of.detail !== undefined) parts.push(`detail=${of.detail}`);
  return parts.join('; ');
}
