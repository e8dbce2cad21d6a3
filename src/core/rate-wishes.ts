import type { Subject, SubjectRule } from './counted-subject.ts';
import type { LimitWish } from './limit-wish.ts';
import type { Rate } from './rate.ts';

export interface RateWishesParts {
  /** Of the policy: `rate-limit/0`. */
  readonly instance: string;
  readonly rates: readonly Rate[];
  readonly subjects: SubjectRule;
  /** What the policy says of its limits, rate by rate. */
  readonly settings: (
    rate: Rate,
  ) => Pick<LimitWish, 'inFlight' | 'warnAt' | 'currency' | 'downgrade' | 'unpriced'>;
}

interface Made {
  readonly wishes: readonly LimitWish[];
  /** Until a period of the calendar ends. */
  readonly untilMs: number;
}

const mostSubjects = 4096;

/** The limits that rates are for a subject; remembered for the subjects that came last, since callers come again. */
export function createRateWishes(
  parts: RateWishesParts,
): (subject: Subject, nowMs: number) => readonly LimitWish[] {
  const { instance, rates, subjects, settings } = parts;
  const known = new Map<string, Made>();
  const forms = rates.map((rate) => ({
    ...settings(rate),
    sort: rate.sort,
    capacity: rate.capacity,
    span: rate.span,
    name: quoteName(`${instance}/${rate.sort}/${rate.span}`),
    ...(subjects.invented ? { invented: true } : {}),
  }));
  return (subject, nowMs) => {
    const before = known.get(subject.id);
    if (before && nowMs < before.untilMs) return before.wishes;
    let untilMs = Infinity;
    const wishes = rates.map((rate, i): LimitWish => {
      const window = rate.windowAt(nowMs);
      if (window.kind === 'calendar') untilMs = Math.min(untilMs, window.endMs);
      const row = `${instance}/${rate.sort}/${encodeURIComponent(rate.code)}/${subject.id}`;
      return { ...forms[i]!, subject: row, window, whom: subject.text };
    });
    if (known.size >= mostSubjects) for (const oldest of known.keys()) if (known.delete(oldest)) break;
    known.set(subject.id, { wishes, untilMs });
    return wishes;
  };
}

/** A structured-field string (RFC 9651 §3.3.3): printable ASCII; a route's name may hold more. */
export const quoteName = (name: string): string =>
  `"${name.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
