import type { MemberReport, PoolControl } from '#core/contracts/pool-control.ts';
import { activeCode, activeVerdicts } from './active-code.ts';
import { breakerState, isOpen } from './breaker.ts';
import { int, num, PoolMemory, type MemberCell } from './memory.ts';
import { paceGroup } from './pace.ts';
import { quotaOf } from './quota.ts';
import { rateOf } from './throughput.ts';
import { latencyOf } from './ewma.ts';
import { coolDownLeft, ejectionLeft, leftOf } from './outlier.ts';

/** Before it, some thread may still look at the member that was there. */
const restMs = 60_000;

interface Place {
  readonly slot: number;
  readonly cell: MemberCell;
}

interface LeftPlace extends Place {
  readonly group: string;
  readonly id: string;
  readonly atMs: number;
}

/** @param worker Lane of the main thread in the memory: one that no worker has. */
export function createPoolControl(
  buffer: SharedArrayBuffer,
  worker: number,
  clock: { nowMs(): number },
): PoolControl {
  const memory = new PoolMemory(buffer, worker);
  const groups = new Map<string, Map<string, Place>>();
  const left: LeftPlace[] = [];

  function placeFor(group: string, id: string): Place | null {
    const now = clock.nowMs();
    // Names come and go in DNS: who returns before another has the place finds it as it was.
    const own = left.findIndex((each) => each.group === group && each.id === id);
    if (own >= 0) {
      const { slot, cell } = left.splice(own, 1)[0]!;
      memory.revive(cell);
      return { slot, cell };
    }
    const free = left.findIndex(({ cell, atMs }) => now - atMs >= restMs && cell.inFlight() === 0);
    const slot = free >= 0 ? left.splice(free, 1)[0]!.slot : memory.highest;
    if (slot >= memory.slots) return null;
    return { slot, cell: memory.assign(slot, group, id) };
  }

  function giveUp(group: string, places: Map<string, Place>, id: string): void {
    const { slot, cell } = places.get(id)!;
    places.delete(id);
    cell.free();
    left.push({ group, id, slot, cell, atMs: clock.nowMs() });
  }

  const find = (group: string, id: string) => groups.get(group)?.get(id)?.cell;

  return {
    setMembers(group, ids) {
      let places = groups.get(group);
      const isNew = places === undefined;
      if (isNew && ids.length === 0) return;
      if (!places) groups.set(group, (places = new Map()));
      const wanted = new Set(ids);
      for (const id of [...places.keys()]) if (!wanted.has(id)) giveUp(group, places, id);
      for (const id of wanted) {
        if (places.has(id)) continue;
        const place = placeFor(group, id);
        if (!place) continue;
        places.set(id, place);
        // Who joins others that are at work warms up; a group that begins, begins whole.
        if (!isNew) place.cell.nums[num.warmSince] = clock.nowMs();
      }
    },
    keepGroups(names) {
      for (const [name, places] of groups) {
        if (names.has(name)) continue;
        for (const id of [...places.keys()]) giveUp(name, places, id);
        groups.delete(name);
      }
    },
    setActiveHealth(group, id, verdict) {
      const cell = find(group, id);
      if (!cell) return false;
      const before = cell.get(int.active);
      if (before === activeCode[verdict]) return true;
      // One that was never well begins with its whole share; one that comes back warms up.
      if (before === activeCode.unhealthy) cell.nums[num.warmSince] = clock.nowMs();
      cell.set(int.active, activeCode[verdict]);
      memory.changed();
      return true;
    },
    setDrained(group, id, drained) {
      const cell = find(group, id);
      if (!cell) return false;
      cell.set(int.drained, drained ? 1 : 0);
      memory.changed();
      return true;
    },
    recover: (dead) => memory.recover(dead),
    read: () =>
      [...groups]
        .filter(([group]) => group !== paceGroup)
        .map(([group, places]) => ({
          group,
          members: [...places].map(([id, { cell }]) => reportOf(id, cell, clock.nowMs())),
        })),
  };
}

function reportOf(id: string, cell: MemberCell, nowMs: number): MemberReport {
  const { nums } = cell;
  const open = isOpen(cell, nowMs);
  const breaker = open ? 'open' : cell.get(int.breaker) === breakerState.closed ? 'closed' : 'half-open';
  const drained = cell.get(int.drained) !== 0;
  const active = activeVerdicts[cell.get(int.active)]!;
  const ejected = ejectionLeft(cell, nowMs);
  const cooling = coolDownLeft(cell, nowMs);
  const opened = open ? leftOf(cell, num.openedAt, num.openFor, nowMs) : 0;
  const ewma = latencyOf(cell, nowMs);
  return {
    id,
    state: drained
      ? 'drained'
      : breaker !== 'closed'
        ? breaker
        : active === 'unhealthy'
          ? 'unhealthy'
          : ejected > 0
            ? 'ejected'
            : cooling > 0
              ? 'cooling'
              : 'up',
    active,
    drained,
    breaker,
    inFlight: cell.inFlight(),
    ewmaMs: ewma === 0 ? null : ewma,
    tokensPerSecond: rateOf(cell) || null,
    quotaLeft: quotaOf(cell, nowMs),
    outForMs: Math.max(ejected, cooling, opened),
    successes: nums[num.successes]!,
    failures: nums[num.failures]!,
    ejections: nums[num.ejections]!,
    breakerOpens: nums[num.opens]!,
  };
}
