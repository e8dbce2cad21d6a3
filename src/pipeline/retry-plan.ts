import type { Fault } from '#core/fault.ts';
import type { FailureKind, RetryRules } from '#core/retry-rules.ts';

/** What is decided upon: an attempt that gave nothing to the client. */
export interface Failure {
  readonly kind: FailureKind;
  /** Nothing of the request can have had an effect: it never left, or was refused unread. */
  readonly unsent: boolean;
  /** What the target asked for by Retry-After. */
  readonly retryAfterMs: number | null;
}

/** Where the exchange stands. */
export interface Standing {
  readonly method: string;
  /** Attempts made so far. */
  readonly made: number;
  /** Since the first one began. */
  readonly elapsedMs: number;
}

/** Null for faults that say nothing of the target: the same would come of every attempt. */
export function failureOf(fault: Fault, status: number, retryAfterMs: number | null): Failure | null {
  if (status >= 300) return { kind: status, unsent: false, retryAfterMs };
  switch (fault.code) {
    case 'upstream/connect':
    case 'upstream/connect-timeout':
    case 'upstream/tls':
    case 'upstream/credential':
      return { kind: 'connect', unsent: true, retryAfterMs };
    case 'upstream/header-timeout':
    case 'upstream/idle-timeout':
      return { kind: 'timeout', unsent: false, retryAfterMs };
    case 'upstream/closed':
    case 'upstream/protocol':
    case 'upstream/malformed-answer':
      return { kind: 'reset', unsent: fault.details.unsent === true, retryAfterMs };
    default:
      return null;
  }
}

/** May it be tried again at all? Whether there is somebody to try, and a budget for it, is asked afterwards. */
export function mayRetry(rules: RetryRules, failure: Failure, standing: Standing): boolean {
  if (standing.made >= rules.attempts || !(rules.fallback || covers(rules, failure.kind))) return false;
  if (rules.totalMs > 0 && standing.elapsedMs >= rules.totalMs) return false;
  return failure.unsent || isSafe(rules, standing.method);
}

/** May a request be sent twice although the first may have arrived? */
export function isSafe({ methods }: RetryRules, method: string): boolean {
  return methods === null || methods.includes(method);
}

export function covers({ on }: RetryRules, kind: FailureKind): boolean {
  if (typeof kind !== 'number') return on[kind];
  return (on.serverErrors && kind >= 500) || on.statuses.includes(kind);
}

export interface Chosen {
  /** The next attempt goes to the target that has just failed. */
  readonly same: boolean;
  /** It goes to one that was tried before. */
  readonly repeat: boolean;
  /** From 0 up to, and without, 1. */
  readonly chance: number;
}

/**
 * How long to wait before the next attempt; null: there is no time for it. Retry-After (RFC 9110 §10.2.3) is a word of
 * the target that said it: another one is not bound by it.
 */
export function retryDelayMs(
  rules: RetryRules,
  failure: Failure,
  standing: Standing,
  { same, repeat, chance }: Chosen,
): number | null {
  const asked = same ? (failure.retryAfterMs ?? 0) : 0;
  if (asked > rules.maxRetryAfterMs) return null;
  const { baseMs, maxMs } = rules.backoff;
  // Who could not be reached is not spared by waiting for another.
  const atOnce = !repeat && (rules.fallback || failure.kind === 'connect');
  const backoff = atOnce ? 0 : chance * Math.min(maxMs, baseMs * 2 ** (standing.made - 1));
  const wait = Math.max(asked, Math.floor(backoff));
  return rules.totalMs > 0 && standing.elapsedMs + wait >= rules.totalMs ? null : wait;
}

/** An attempt that never connected loaded nobody; everything else that is made anew is paid from the budget. */
export function drawsOnBudget(rules: RetryRules, failure: Failure, repeat: boolean): boolean {
  return repeat || !(rules.fallback || failure.kind === 'connect');
}

/** How long the next attempt may take to its head; 0 is unlimited. */
export function deadlineMs(rules: RetryRules, elapsedMs: number): number {
  const left = rules.totalMs > 0 ? Math.max(1, rules.totalMs - elapsedMs) : Infinity;
  const each = rules.perTryMs > 0 ? rules.perTryMs : Infinity;
  const least = Math.min(left, each);
  return least === Infinity ? 0 : least;
}
