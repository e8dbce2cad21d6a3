import { createHash } from 'node:crypto';
import type { AttemptResult, Lease, PoolMember, PoolWish, TargetPool } from '#core/contracts/target-pool.ts';
import type { BalanceKind, PoolSettings } from '#core/pool-settings.ts';
import type { Balancer, Choice } from './balancer.ts';
import { admit, hasProbeLeft, type Admission } from './breaker.ts';
import { consistentHash } from './consistent-hash.ts';
import { cost } from './cost.ts';
import { drawLevel } from './draw-level.ts';
import { leastConnections } from './least-connections.ts';
import { withoutSeats, type Level } from './level.ts';
import { createPoolMemory, PoolMemory, type MemberCell } from './memory.ts';
import { ordered } from './ordered.ts';
import { peakEwma } from './peak-ewma.ts';
import { learn } from './learn.ts';
import { quota } from './quota.ts';
import type { Seat } from './seat.ts';
import { smoothRoundRobin } from './smooth-round-robin.ts';
import { throughput } from './throughput.ts';
import { makeView, type PoolView } from './view.ts';

export interface PoolParts<T> {
  readonly name: string;
  readonly members: readonly PoolMember<T>[];
  readonly settings: PoolSettings;
  /** What threads share; members that have no place in it are known to this pool alone. */
  readonly memory: PoolMemory;
  /** From 0 up to, and without, 1. */
  random(): number;
}

/** A pool as one thread sees it: choices are its own, what they go by is shared. */
export class Pool<T> implements TargetPool<T> {
  readonly name: string;
  readonly settings: PoolSettings;
  readonly #memory: PoolMemory;
  readonly #random: () => number;
  #members: readonly PoolMember<T>[] = [];
  #seats: readonly Seat<T>[] = [];
  #cells: readonly MemberCell[] = [];
  #local: PoolMemory | null = null;
  #balancer: Balancer<T> = smoothRoundRobin;
  #view: PoolView<T> | null = null;

  constructor({ name, members, settings, memory, random }: PoolParts<T>) {
    this.name = name;
    this.settings = settings;
    this.#memory = memory;
    this.#random = random;
    this.update(members);
  }

  get members(): readonly PoolMember<T>[] {
    return this.#members;
  }

  get goesBy(): 'cost' | 'quota' | null {
    const { balance } = this.settings;
    return balance === 'cost' || balance === 'quota' ? balance : null;
  }

  get hashBy(): PoolSettings['hashBy'] {
    return this.settings.hashBy;
  }

  get sticky(): PoolSettings['sticky'] {
    return this.settings.sticky;
  }

  /** The same on every thread and gateway. */
  stickyWord({ id }: PoolMember<T>): string {
    return createHash('sha256').update(`${this.name}\0${id}`).digest('base64url').slice(0, 12);
  }

  update(members: readonly PoolMember<T>[]): void {
    this.#members = members;
    this.#sit();
  }

  take(wish: PoolWish<T>): Lease<T> | null {
    const view = this.#viewAt(wish.nowMs);
    const { tried } = wish;
    const untried = ({ member }: Seat<T>) => tried.includes(member.id);
    const isFirst = tried.length === 0;
    const levels = isFirst ? view.levels : withoutSeats(view.levels, untried);
    const spare = isFirst ? view.spare : withoutSeats(view.spare, untried);
    return (
      this.#follow(levels, wish) ??
      this.#choose(levels, wish) ??
      this.#choose(spare, wish) ??
      (wish.again ? (this.#choose(view.levels, wish) ?? this.#choose(view.spare, wish)) : null)
    );
  }

  /** The member that the client comes back to, whatever its priority, while it is in service. */
  #follow(levels: readonly Level<T>[], { sticky, ...wish }: PoolWish<T>): Lease<T> | null {
    if (sticky === null || this.settings.sticky === null) return null;
    const level = levels.find(({ seats }) => seats.some(({ member }) => this.stickyWord(member) === sticky));
    const seat = level?.seats.find(({ member }) => this.stickyWord(member) === sticky);
    const admission = seat && this.#admit(seat, wish.nowMs);
    return admission ? this.#lease(seat, { ...wish, sticky }, admission) : null;
  }

  #choose(among: readonly Level<T>[], wish: PoolWish<T>): Lease<T> | null {
    const { affinity, nowMs, costOf: of } = wish;
    const costOf = of && ((index: number) => of(this.#members[index]!.target));
    const choice: Choice = { affinity, costOf, nowMs, random: this.#random };
    let levels = among;
    while (levels.length > 0) {
      const level = drawLevel(levels, this.#random);
      const seat = level.seats[this.#balancer(level, choice)]!;
      const admission = this.#admit(seat, wish.nowMs);
      if (admission) return this.#lease(seat, wish, admission);
      levels = withoutSeats(levels, (other) => other === seat);
    }
    return null;
  }

  #admit(seat: Seat<T>, nowMs: number): Admission | null {
    // Closed when the view was made: should it open meanwhile, the round is over, and the result counts no more.
    if (!seat.probing) return { probe: false, round: seat.round };
    return admit(seat.cell, this.settings.breaker!, nowMs);
  }

  #lease(seat: Seat<T>, wish: PoolWish<T>, { probe, round }: Admission): Lease<T> {
    const { cell } = seat;
    cell.addInFlight(1);
    return {
      member: seat.member,
      isLast: !wish.again && !this.#hasAnother(seat, wish),
      end: (result: AttemptResult) => {
        // The count goes down whoever has the place now: it is given away only when nothing is in flight.
        cell.addInFlight(-1);
        const moment = { nowMs: wish.nowMs + result.totalMs, random: this.#random };
        if (cell.current)
          learn({ cell, pool: this.#cells, settings: this.settings }, { ...result, probe, round }, moment);
      },
    };
  }

  /** Could anybody else be tried after this one? */
  #hasAnother(taken: Seat<T>, { tried, nowMs }: PoolWish<T>): boolean {
    const { levels, spare } = this.#view!;
    const could = (seat: Seat<T>) =>
      seat !== taken &&
      !tried.includes(seat.member.id) &&
      (!seat.probing || hasProbeLeft(seat.cell, this.settings.breaker!, nowMs));
    return levels.some(({ seats }) => seats.some(could)) || spare.some(({ seats }) => seats.some(could));
  }

  #viewAt(nowMs: number): PoolView<T> {
    let view = this.#view;
    const version = this.#version;
    if (view && view.version === version && nowMs >= view.madeAtMs && nowMs < view.goodUntilMs) return view;
    // A place that was given to another member is not this one's any more.
    if (!this.#cells.every((cell) => cell.current)) this.#sit();
    view = makeView(this.#seats, this.settings, { nowMs, version });
    return (this.#view = view);
  }

  get #version(): number {
    return this.#memory.version + (this.#local?.version ?? 0);
  }

  /** Gives each member its place in what is shared, or one of the pool's own. */
  #sit(): void {
    const ids = this.#members.map(({ id }) => id);
    const cells = this.#memory.find(this.name, ids);
    if (cells.size < ids.length) this.#addLocal(cells, ids);
    const owed = new Map(this.#seats.map((seat) => [seat.member.id, seat.owed]));
    this.#seats = this.#members.map((member, index) => ({
      ...{ member, index, cell: cells.get(member.id)!, probing: false, round: 0 },
      owed: owed.get(member.id) ?? 0,
    }));
    this.#cells = this.#seats.map(({ cell }) => cell);
    this.#balancer = balancerOf(this.settings.balance, this.#seats, this.settings.loadBound);
    this.#view = null;
  }

  #addLocal(cells: Map<string, MemberCell>, ids: readonly string[]): void {
    const missing = ids.filter((id) => !cells.has(id));
    let known = this.#local?.find(this.name, missing);
    if (!this.#local || this.#local.highest + missing.length - known!.size > this.#local.slots) {
      this.#local = new PoolMemory(createPoolMemory({ members: 2 * missing.length, workers: 1 }), 0);
      known = new Map();
    }
    for (const id of missing)
      cells.set(id, known!.get(id) ?? this.#local.assign(this.#local.highest, this.name, id));
  }
}

function balancerOf<T>(kind: BalanceKind, seats: readonly Seat<T>[], loadBound: number): Balancer<T> {
  switch (kind) {
    case 'ordered':
      return ordered;
    case 'round-robin':
      return smoothRoundRobin;
    case 'least-connections':
      return leastConnections;
    case 'peak-ewma':
      return peakEwma;
    case 'cost':
      return cost;
    case 'throughput':
      return throughput;
    case 'quota':
      return quota;
    case 'consistent-hash':
      return consistentHash(seats, loadBound);
  }
}
