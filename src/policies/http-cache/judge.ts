import { headerOf, valuesOf, type HeaderList } from '#core/head.ts';
import { parseCacheControl, secondsOf, type Directives } from './cache-control.ts';
import { ageOf, type Entry } from './entry.ts';

/**
 * `fresh`: it is given. `renew`: it is given, and asked for again meanwhile. `stale`: an upstream is asked first. `request`: the same,
 * because the client wants it so.
 */
export type Verdict = 'fresh' | 'renew' | 'stale' | 'request';

const none: Directives = new Map();

/** What a client asks of caches (RFC 9111 §5.2.1). Without Cache-Control, Pragma stands for it (§5.4). */
export function wishesOf(headers: HeaderList, isHeeded: boolean): Directives {
  if (!isHeeded) return none;
  const lines = valuesOf(headers, 'cache-control');
  if (lines.length > 0) return parseCacheControl(lines);
  const pragma = headerOf(headers, 'pragma');
  return pragma !== undefined && /(?:^|[\s,])no-cache(?:$|[\s,])/i.test(pragma)
    ? new Map([['no-cache', true]])
    : none;
}

/** May it be given without asking (§4.2)? */
export function judge(entry: Entry, wishes: Directives, nowMs: number): Verdict {
  const { rules, freshMs } = entry;
  if (rules.asks) return 'stale';
  const ageMs = ageOf(entry, nowMs);
  if (wishes.has('no-cache') || isTooOld(wishes, ageMs) || isTooNear(wishes, freshMs - ageMs))
    return 'request';
  if (ageMs < freshMs) return 'fresh';
  const staleMs = ageMs - freshMs;
  if (!rules.strict && !rules.shared && takesStale(wishes, staleMs)) return 'fresh';
  return staleMs < rules.whileRenewedMs ? 'renew' : 'stale';
}

const isTooOld = (wishes: Directives, ageMs: number): boolean => {
  const most = secondsOf(wishes, 'max-age');
  // A number that is none asks for the youngest that can be had.
  return most !== null && !(ageMs <= most * 1000);
};

const isTooNear = (wishes: Directives, leftMs: number): boolean => {
  const least = secondsOf(wishes, 'min-fresh');
  return least !== null && !(leftMs >= least * 1000);
};

function takesStale(wishes: Directives, staleMs: number): boolean {
  if (wishes.get('max-stale') === true) return true;
  const most = secondsOf(wishes, 'max-stale');
  return most !== null && staleMs <= most * 1000;
}

/** May it be given although it is stale, because no upstream gives a better one (RFC 5861 §4)? */
export function isForErrors({ rules, freshMs, ...entry }: Entry, wishes: Directives, nowMs: number): boolean {
  if (rules.strict || rules.asks) return false;
  const staleMs = ageOf({ rules, freshMs, ...entry }, nowMs) - freshMs;
  const asked = rules.shared ? null : secondsOf(wishes, 'stale-if-error');
  return staleMs < Math.max(rules.ifErrorMs, (asked ?? 0) * 1000 || 0);
}
