import type { LimitItem, LimitWindow } from './contracts/counter-store.ts';
import type { ReservedAmount } from './contracts/journal.ts';

type Limited = Pick<LimitItem, 'subject' | 'invented' | 'window' | 'capacity'>;

const inventedEnd = '#invented';

/**
 * What stands booked, as it is kept on record: enough to book it again after a restart. A sliding window is told by its length;
 * of others the subject's end says what they are: `…#calendar:1764543600000-1767222000000`, `…#bucket:600/60000`, and `…#invented`
 * of subjects that callers make. `windowMs` is for how long it may weigh. Null of what is only held, which no restart brings back.
 */
export function bookedAs(limited: Limited, amount: number, admittedAtMs: number): ReservedAmount | null {
  const booked = bookedIn(limited, amount, admittedAtMs);
  return booked && limited.invented ? { ...booked, subject: booked.subject + inventedEnd } : booked;
}

function bookedIn(
  { subject, window, capacity }: Limited,
  amount: number,
  admittedAtMs: number,
): ReservedAmount | null {
  switch (window.kind) {
    case 'sliding':
      return { subject, windowMs: window.windowMs, amount };
    case 'bucket': {
      const emptyMs = Math.ceil((window.burst / Math.max(1, capacity)) * window.windowMs);
      const windowMs = Math.max(window.windowMs, emptyMs);
      return { subject: `${subject}#bucket:${capacity}/${window.windowMs}`, windowMs, amount };
    }
    case 'calendar': {
      const [startMs, endMs] = periodAt(window, admittedAtMs);
      return { subject: `${subject}#calendar:${startMs}-${endMs}`, windowMs: endMs - startMs, amount };
    }
    case 'held':
      return null;
  }
}

/** The row that `bookedAs` was made of. Capacities that rebuilding does not need are 0. */
export function parseBooked(booked: Pick<ReservedAmount, 'subject' | 'windowMs'>): Limited {
  const { subject, windowMs } = booked;
  if (subject.endsWith(inventedEnd))
    return { ...parseBooked({ subject: subject.slice(0, -inventedEnd.length), windowMs }), invented: true };
  const calendar = /^(.*)#calendar:(\d{1,15})-(\d{1,15})$/s.exec(subject);
  if (calendar) {
    const [startMs, endMs] = [Number(calendar[2]), Number(calendar[3])];
    const window = { kind: 'calendar', startMs, endMs, nextEndMs: endMs + (endMs - startMs) } as const;
    return { subject: calendar[1]!, window, capacity: 0 };
  }
  const bucket = /^(.*)#bucket:(\d{1,16})\/(\d{1,8})$/s.exec(subject);
  if (bucket) {
    const window = { kind: 'bucket', windowMs: Number(bucket[3]), burst: 0 } as const;
    return { subject: bucket[1]!, window, capacity: Number(bucket[2]) };
  }
  return { subject, window: { kind: 'sliding', windowMs }, capacity: 0 };
}

/** Begin and end of the period that a time is in. */
function periodAt(
  { startMs, endMs, nextEndMs }: Extract<LimitWindow, { kind: 'calendar' }>,
  atMs: number,
): [number, number] {
  return atMs < endMs ? [startMs, endMs] : [endMs, nextEndMs];
}
