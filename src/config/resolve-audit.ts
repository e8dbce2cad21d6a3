import type { AuditRules } from '#core/contracts/audit.ts';
import { parseDuration, parseSize } from '#core/units.ts';
import type { Problems } from './problem.ts';
import type { AuditSettings } from './schema-audit.ts';

const leastSegmentBytes = 4096;

/** By what the audit log is kept, and where else its records go. */
export function resolveAudit(settings: AuditSettings = {}, problems: Problems): AuditRules {
  const segmentBytes = parseSize(settings.segment ?? '16MiB');
  if (segmentBytes < leastSegmentBytes)
    problems.add(['audit', 'segment'], `is ${segmentBytes} bytes; a segment has at least 4KiB`);
  const names = new Set<string>();
  const sinks = (settings.sinks ?? []).map((sink, i) => {
    if (names.has(sink.name))
      problems.add(['audit', 'sinks', i, 'name'], `the name "${sink.name}" is taken by another sink`);
    names.add(sink.name);
    return {
      name: sink.name,
      url: sink.url,
      headers: Object.entries(sink.headers ?? {}).flatMap(([name, value]) => [name.toLowerCase(), value]),
      maxBehindBytes: parseSize(sink.maxBehind ?? '64MiB'),
      timeoutMs: parseDuration(sink.timeout ?? '15s'),
    };
  });
  return {
    keepMs: parseDuration(settings.keep ?? 0),
    maxBytes: parseSize(settings.maxSize ?? 0),
    segmentBytes,
    sinks,
  };
}
