import type {
  CounterStore,
  LimitItem,
  LimitState,
  Reservation,
  ReserveResult,
} from '#core/contracts/counter-store.ts';
import { Fault } from '#core/fault.ts';
import type { WhenUnavailable } from '#core/storage-settings.ts';
import { bringIn } from './bring-in.ts';
import { Bookings, type Booking } from './bookings.ts';
import {
  requireItems,
  requireUnits,
  statesOf,
  waitOf,
  windowArguments,
  type Reply,
} from './item-arguments.ts';
import { defaultLeaseMs, keepLease } from './leases.ts';
import { Link, Stale, type LinkSettings } from './link.ts';
import { Outbox } from './outbox.ts';

export interface RedisCounterSettings extends LinkSettings {
  /** Names this thread's incarnation among all that ever used the counters: what it holds is given back when it is gone. */
  readonly owner: string;
  /** What this thread holds is given back so long after it is gone (default 15,000). */
  readonly leaseMs?: number;
  /** How long debits of a reservation add up before they are sent (default 200). */
  readonly debitDelayMs?: number;
  /** While the store cannot be reached: a share of each limit, and where it is counted. Absent: nobody is admitted then. */
  readonly alone?: { readonly store: CounterStore; readonly share: number };
  /** Who is not ruled otherwise, while the store cannot be reached (default `lease`). */
  readonly whenUnavailable?: WhenUnavailable;
}

export interface RedisCounterStore extends CounterStore {
  whenUnavailable(rule: WhenUnavailable): RuledCounters;
  reserve(id: string, items: readonly LimitItem[], nowMs: number): Promise<ReserveResult>;
  extend(reservation: Reservation, step: number, amounts: readonly number[]): Promise<readonly number[]>;
  debit(reservation: Reservation, step: number, amounts: readonly number[]): void;
  settle(reservation: Reservation, used: readonly number[]): void;
  /** @throws Fault `limit/unavailable` */
  inspect(
    items: readonly Pick<LimitItem, 'subject' | 'window' | 'capacity'>[],
    nowMs: number,
  ): Promise<readonly LimitState[]>;
  stats(): RedisCounterStats;
  /** Resolves when the counters can be used, or after `ms`. */
  untilUsable(ms: number): Promise<boolean>;
  /** Waits up to a second until what is settled is in the store. */
  close(): Promise<void>;
}

type RuledCounters = Omit<RedisCounterStore, 'whenUnavailable' | 'stats' | 'untilUsable' | 'close'>;

export interface RedisCounterStats {
  /** Why the counters cannot be used; null: they can. */
  readonly reason: string | null;
  /** Writes to the store, each of which is a round trip at most, and the scripts in them. */
  readonly batches: number;
  readonly scripts: number;
  /** Debits and settlements that the store has not confirmed. */
  readonly queued: number;
  readonly dropped: number;
  readonly timeouts: number;
  readonly losses: number;
  /** Calls that were admitted by this node alone. */
  readonly alone: number;
  readonly open: number;
}

/**
 * Counters that many nodes share, in one Redis or Valkey (or in a Cluster, under one hash tag). Each operation is one script,
 * and so one step. A call waits for one of them before it is dispatched, and for none after it.
 */
export function openRedisCounters(settings: RedisCounterSettings): RedisCounterStore {
  const { timeoutMs, owner, alone, leaseMs = defaultLeaseMs } = settings;
  const link = new Link(settings);
  const outbox = new Outbox(link, settings.debitDelayMs ?? 200);
  const bookings = new Bookings();
  let admittedAlone = 0;
  let known: string | null = null;
  link.onFinding(async ({ marker }) => {
    if (marker === null) return;
    if (known !== null && marker.text !== known) outbox.clear();
    const isSame = known === marker.text;
    known = marker.text;
    await bringIn(bookings.missingIn(marker.text, marker.readAtMs), { link, owner, marker });
    await outbox.catchUp(marker);
    if (bookings.isIncomplete && isSame) outbox.giveUp();
    bookings.isIncomplete = false;
  });
  link.onUsable(() => outbox.resend());
  const renewing = keepLease(link, { owner, leaseMs }, () => bookings.prune(link.storeMs()));

  function unavailable(cause: unknown): Fault {
    return new Fault(
      'limit/unavailable',
      // Not why: that names places inside, and is for the operator.
      'The counters of limits cannot be used now; try again.',
      { headers: ['retry-after', '1'], cause },
    );
  }

  /** Of each limit the share that a node gives out by itself. */
  function shareOf(items: readonly LimitItem[]): LimitItem[] {
    const part = (units: number) => Math.floor(units * alone!.share);
    return items.map(({ window, capacity, ...item }) => ({
      ...item,
      capacity: part(capacity),
      window: window.kind === 'bucket' ? { ...window, burst: part(window.burst) } : window,
    }));
  }

  async function reserveAlone({ id, items, nowMs }: Asked): Promise<ReserveResult> {
    const result = await alone!.store.reserve(id, shareOf(items), nowMs);
    if (!result.admitted) return result;
    admittedAlone++;
    const { granted } = result.reservation;
    bookings.add(id, {
      // Not the id alone: one that was asked for in vain may be closed there.
      ...{ key: `${id}/alone`, items, booked: granted, admittedAtMs: link.storeMs() },
      ...{ step: 0, closedAtMs: null, marker: null, alone: result.reservation },
    });
    return result;
  }

  function readResult({ id, items }: Asked, reply: Reply, marker: string): ReserveResult {
    if (reply[0] === 'R') {
      const states = statesOf(items, reply.slice(3));
      return {
        admitted: false,
        refusedBy: states[Number(reply[1])]!,
        retryAfterMs: waitOf(reply[2]),
        states,
      };
    }
    const admittedAtMs = Number(reply[1]);
    const granted = reply.slice(2, 2 + items.length).map(Number);
    if (!bookings.find(id)) {
      bookings.add(id, {
        ...{ key: id, items, admittedAtMs, booked: granted },
        ...{ step: 0, closedAtMs: null, marker, alone: null },
      });
    }
    return {
      admitted: true,
      reservation: { id, token: 0, admittedAtMs, granted },
      states: statesOf(items, reply.slice(2 + items.length)),
    };
  }

  async function reserveThere(asked: Asked, ms: number): Promise<ReserveResult> {
    const { id, items } = asked;
    const marker = link.current();
    const { keys } = link;
    const reply = await link.runWithin(ms, {
      name: 'reserve',
      keys: [
        ...[keys.marker, keys.reservations(marker.epoch) + id, keys.heldBy(marker.epoch) + owner],
        ...items.map((item) => keys.row(marker.epoch, item)),
      ],
      args: [
        ...[marker.text, owner, id],
        ...items.flatMap((item) => [...windowArguments(item), item.amount, item.atLeast ?? -1]),
      ],
    });
    if (reply[0] === 'X') throw new Error('the reservation was given up before');
    return readResult(asked, reply, marker.text);
  }

  async function extendAlone(booking: Booking, { step, amounts }: More): Promise<readonly number[]> {
    booking.alone ??= await standAlone(booking);
    const booked = booking.alone && (await alone!.store.extend(booking.alone, step, amounts));
    if (!booked) return amounts.map(() => 0);
    if (booking.marker !== null) outbox.debit(booking.key, step, booked);
    return booked;
  }

  async function standAlone({ key, items }: Booking): Promise<Reservation | null> {
    const none = shareOf(items).map((item) => ({ ...item, amount: 0, atLeast: 0 }));
    const result = await alone!.store.reserve(key, none, settings.clock.nowMs());
    return result.admitted ? result.reservation : null;
  }

  async function extendThere(key: string, more: More, ms: number): Promise<readonly number[]> {
    const marker = link.current();
    outbox.hurry(key);
    const reply = await link.runWithin(ms, {
      name: 'extend',
      keys: [link.keys.marker, link.keys.reservations(marker.epoch) + key],
      args: [marker.text, more.step, ...more.amounts],
    });
    return reply[0] === 'A' ? reply.slice(1).map(Number) : more.amounts.map(() => 0);
  }

  /** Tries until the time-out, under the same id; a short break of the connection is not noticed so. */
  async function inTime<T>(
    attempt: (leftMs: number) => Promise<T>,
  ): Promise<{ result: T } | { error: unknown }> {
    const endMs = settings.clock.monotonicMs() + timeoutMs;
    let error: unknown = null;
    // A store that is known to be away is not waited for.
    while (link.lostForMs() < timeoutMs) {
      const leftMs = endMs - settings.clock.monotonicMs();
      if (leftMs <= 0 || !(await link.untilUsable(leftMs))) break;
      try {
        return { result: await attempt(leftMs) };
      } catch (thrown) {
        error = thrown;
        if (!(thrown instanceof Stale)) link.lose((thrown as Error).message);
      }
    }
    return { error };
  }

  const add = (booked: readonly number[], more: readonly number[]) =>
    booked.map((amount, i) => amount + more[i]!);

  const counting = (rule: WhenUnavailable): RuledCounters => ({
    async reserve(id, items, nowMs) {
      requireItems(items);
      const asked = { id, items, nowMs };
      let isAsked = false;
      const outcome = await inTime((ms) => {
        isAsked = true;
        return reserveThere(asked, ms);
      });
      if ('result' in outcome) return outcome.result;
      // Perhaps it was booked, and only the answer is missing.
      if (isAsked)
        outbox.settle(
          id,
          items.map(() => 0),
        );
      if (!alone || rule === 'refuse') throw unavailable(outcome.error);
      return reserveAlone(asked);
    },

    async extend(reservation, step, amounts) {
      for (const amount of amounts) requireUnits(amount, 'amount');
      const booking = bookings.find(reservation.id);
      const isThere = !booking || booking.marker !== null;
      const outcome = isThere
        ? await inTime((ms) => extendThere(booking?.key ?? reservation.id, { step, amounts }, ms))
        : { error: null };
      if (!('result' in outcome) && (!booking || !alone || rule === 'refuse'))
        throw unavailable(outcome.error);
      const booked = 'result' in outcome ? outcome.result : await extendAlone(booking!, { step, amounts });
      if (booking && step > booking.step) {
        booking.booked = add(booking.booked, booked);
        booking.step = step;
      }
      return booked;
    },

    debit(reservation, step, amounts) {
      for (const amount of amounts) requireUnits(amount, 'amount');
      const booking = bookings.find(reservation.id);
      if (booking && step <= booking.step) return;
      if (booking) {
        booking.booked = add(booking.booked, amounts);
        booking.step = step;
      }
      if (booking?.alone) void alone!.store.debit(booking.alone, step, amounts);
      if (booking?.marker !== null) outbox.debit(booking?.key ?? reservation.id, step, amounts);
    },

    settle(reservation, used) {
      for (const amount of used) requireUnits(amount, 'amount');
      const booking = bookings.find(reservation.id);
      bookings.close(reservation.id, used, link.storeMs());
      if (booking?.alone) void alone!.store.settle(booking.alone, used);
      if (booking?.marker !== null) outbox.settle(booking?.key ?? reservation.id, used);
    },

    async inspect(items) {
      const outcome = await inTime(async (ms) => {
        const marker = link.current();
        const reply = await link.runWithin(ms, {
          name: 'inspect',
          keys: [link.keys.marker, ...items.map((item) => link.keys.row(marker.epoch, item))],
          args: [marker.text, ...items.flatMap(windowArguments)],
        });
        return statesOf(items, reply.slice(1));
      });
      if ('result' in outcome) return outcome.result;
      throw unavailable(outcome.error);
    },
  });

  return {
    ...counting(settings.whenUnavailable ?? 'lease'),
    whenUnavailable: counting,
    stats: () => ({
      ...link.sent,
      reason: link.reason,
      queued: outbox.size,
      dropped: outbox.dropped,
      timeouts: link.timeouts,
      losses: link.losses,
      alone: admittedAlone,
      open: bookings.openCount,
    }),
    untilUsable: (ms) => link.untilUsable(ms),
    async close() {
      await outbox.drained(1000);
      outbox.close();
      renewing.close();
      link.close();
    },
  };
}

interface Asked {
  readonly id: string;
  readonly items: readonly LimitItem[];
  readonly nowMs: number;
}

interface More {
  readonly step: number;
  readonly amounts: readonly number[];
}
