import type { ActiveHealth, CheckReport } from '#core/active-health.ts';
import type { Upstream } from '#core/contracts/upstream.ts';
import type { UpstreamMember } from '#core/snapshot.ts';
import { probe, type CheckResult, type Checked, type Place } from './probe.ts';

/** Checks under way at the same time; others wait their turn. */
const maxAtOnce = 64;

export interface HealthParts {
  readonly upstream: Upstream;
  /** `port`: in place of the member's own. */
  locate(group: string, member: UpstreamMember, port: number | null): Place;
  /** A member's verdict has changed. */
  onVerdict(group: string, id: string, healthy: boolean): void;
  say(line: string): void;
}

interface Watched {
  readonly group: string;
  readonly member: UpstreamMember;
  readonly health: ActiveHealth;
  readonly settings: string;
  verdict: CheckReport['verdict'];
  /** Results in a row that speak against the verdict. */
  against: number;
  lastAtMs: number | null;
  reason: string | null;
  timer: NodeJS.Timeout | null;
  stop: (() => void) | null;
}

/** Asks members of groups whether they are well, once in a process. The first answer of a member decides at once. */
export class HealthChecker {
  readonly #parts: HealthParts;
  readonly #watched = new Map<string, Watched>();
  readonly #queue: Watched[] = [];
  #running = 0;
  /** By group and result, since the start. */
  readonly counts = new Map<string, Map<CheckResult, number>>();

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  /** Who the members of a group are, from now on. A member that stays keeps its verdict. */
  follow(group: string, health: ActiveHealth | null, members: readonly UpstreamMember[]): void {
    const wanted = new Set(health ? members.map(({ id }) => keyOf(group, id)) : []);
    for (const [key, watched] of this.#watched)
      if (watched.group === group && !wanted.has(key)) this.#drop(key, watched);
    if (!health) return;
    const settings = JSON.stringify(health);
    for (const member of members) {
      const key = keyOf(group, member.id);
      const known = this.#watched.get(key);
      if (known?.settings === settings) continue;
      if (known) this.#drop(key, known);
      const watched: Watched = {
        ...{ group, member, health, settings },
        verdict: known?.verdict ?? 'unknown',
        against: 0,
        lastAtMs: known?.lastAtMs ?? null,
        reason: known?.reason ?? null,
        timer: null,
        stop: null,
      };
      this.#watched.set(key, watched);
      this.#enqueue(watched);
    }
  }

  /** Forgets groups that are not among these. */
  keepGroups(groups: ReadonlySet<string>): void {
    for (const [key, watched] of this.#watched) if (!groups.has(watched.group)) this.#drop(key, watched);
  }

  isUnhealthy(group: string, id: string): boolean {
    return this.#watched.get(keyOf(group, id))?.verdict === 'unhealthy';
  }

  report(group: string): CheckReport[] {
    return [...this.#watched.values()]
      .filter((watched) => watched.group === group)
      .map(({ member, verdict, lastAtMs, reason }) => ({ id: member.id, verdict, lastAtMs, reason }));
  }

  close(): void {
    for (const [key, watched] of this.#watched) this.#drop(key, watched);
    this.#queue.length = 0;
  }

  #drop(key: string, watched: Watched): void {
    this.#watched.delete(key);
    if (watched.timer) clearTimeout(watched.timer);
    watched.stop?.();
    if (watched.stop) this.#ended(watched);
  }

  #enqueue(watched: Watched): void {
    this.#queue.push(watched);
    this.#next();
  }

  #next(): void {
    while (this.#running < maxAtOnce && this.#queue.length > 0) {
      const watched = this.#queue.shift()!;
      if (this.#watched.get(keyOf(watched.group, watched.member.id)) === watched) void this.#check(watched);
    }
  }

  async #check(watched: Watched): Promise<void> {
    this.#running++;
    const { group, health, member } = watched;
    const place = this.#parts.locate(group, member, health.port);
    const [answer, stop] = probe(health, place, this.#parts.upstream);
    watched.stop = stop;
    const checked = await answer;
    // Dropped in the meantime: nobody wants to know any more.
    if (watched.stop === null) return;
    this.#ended(watched);
    this.#judge(watched, checked);
    const sway = 1 + health.jitter * (2 * Math.random() - 1);
    watched.timer = setTimeout(() => this.#enqueue(watched), health.everyMs * sway).unref();
  }

  #ended(watched: Watched): void {
    watched.stop = null;
    this.#running--;
    this.#next();
  }

  #judge(watched: Watched, { result, reason }: Checked): void {
    const { group, member, health } = watched;
    const counts = this.counts.get(group) ?? new Map<CheckResult, number>();
    this.counts.set(group, counts.set(result, (counts.get(result) ?? 0) + 1));
    watched.lastAtMs = Date.now();
    watched.reason = reason;
    const now = result === 'ok' ? 'healthy' : 'unhealthy';
    if (watched.verdict === now) {
      watched.against = 0;
      return;
    }
    watched.against++;
    const needed = now === 'healthy' ? health.healthyAfter : health.unhealthyAfter;
    const isFirst = watched.verdict === 'unknown';
    if (!isFirst && watched.against < needed) return;
    watched.verdict = now;
    watched.against = 0;
    if (!isFirst || now === 'unhealthy')
      this.#parts.say(`upstream ${group}: ${member.id} is ${now}${reason === null ? '' : `: ${reason}`}`);
    this.#parts.onVerdict(group, member.id, now === 'healthy');
  }
}

const keyOf = (group: string, id: string) => `${group}\n${id}`;
