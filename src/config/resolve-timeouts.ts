import type { Timeouts } from '#core/target.ts';
import type { TimeoutSettings } from './schema.ts';
import { parseDuration } from '#core/units.ts';

export function resolveTimeouts(settings: TimeoutSettings | undefined, headerDefault: string): Timeouts {
  return {
    connectMs: parseDuration(settings?.connect ?? '5s'),
    responseHeaderMs: parseDuration(settings?.header ?? headerDefault),
    idleMs: parseDuration(settings?.idle ?? '120s'),
    totalMs: parseDuration(settings?.total ?? 0),
  };
}
