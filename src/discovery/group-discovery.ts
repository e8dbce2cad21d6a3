import type { Discovery, DiscoveryReport, DiscoverySource } from '#core/discovery.ts';
import type { UpstreamMember } from '#core/snapshot.ts';
import { openDnsSource } from './dns-source.ts';
import { openFileSource } from './file-source.ts';
import { openHttpSource, type HttpParts } from './http-source.ts';
import type { Source } from './source.ts';

const firstBackoffMs = 500;
const maxBackoffMs = 30_000;
const sayAgainAfterMs = 60_000;

export interface GroupParts extends HttpParts {
  onMembers(group: string, members: readonly UpstreamMember[]): void;
  say(line: string): void;
}

/** Keeps the members of one group up to date. What fails leaves the last good ones, is said, and is tried again. */
export class GroupDiscovery {
  readonly name: string;
  readonly settings: Discovery;
  readonly #parts: GroupParts;
  readonly #source: Source;
  readonly #startedAtMs = Date.now();
  #members: readonly UpstreamMember[];
  #generation: number;
  #lastSuccessAtMs: number | null;
  #error: { message: string; atMs: number } | null = null;
  #said: { message: string; atMs: number } | null = null;
  #failures = 0;
  #timer: NodeJS.Timeout | null = null;
  #asking = false;
  #askAgain = false;
  #closed = false;
  errors = 0;

  /** `before`: found by the same source under other settings. */
  constructor(
    group: { name: string; settings: Discovery; before: GroupDiscovery | null },
    parts: GroupParts,
  ) {
    this.name = group.name;
    this.settings = group.settings;
    this.#parts = parts;
    this.#members = group.before?.members ?? [];
    this.#generation = group.before?.report().generation ?? 0;
    this.#lastSuccessAtMs = group.before?.report().lastSuccessAtMs ?? null;
    this.errors = group.before?.errors ?? 0;
    this.#source = this.#open(group.settings.source);
    void this.#ask();
  }

  get members(): readonly UpstreamMember[] {
    return this.#members;
  }

  /** Why readiness has to wait for it; null: it need not. */
  complaint(): string | null {
    if (this.#lastSuccessAtMs !== null || Date.now() - this.#startedAtMs > this.settings.startupWaitMs)
      return null;
    return `upstream ${this.name} has no members yet${this.#error ? ` (${this.#error.message})` : ''}`;
  }

  report(): DiscoveryReport {
    return {
      source: nameOf(this.settings.source),
      generation: this.#generation,
      lastSuccessAtMs: this.#lastSuccessAtMs,
      error: this.#error,
      stale: this.#error !== null && this.#members.length > 0,
    };
  }

  close(): void {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#source.close();
  }

  #open(source: DiscoverySource): Source {
    switch (source.kind) {
      case 'dns':
        return openDnsSource(source);
      case 'file':
        return openFileSource(source, () => void this.#ask());
      case 'http':
        return openHttpSource(source, this.#parts);
    }
  }

  async #ask(): Promise<void> {
    if (this.#asking) {
      this.#askAgain = true;
      return;
    }
    if (this.#timer) clearTimeout(this.#timer);
    this.#asking = true;
    let againInMs: number;
    try {
      const found = await this.#source.ask();
      if (this.#closed) return;
      againInMs = found.againInMs;
      this.#succeeded(found.members);
    } catch (error) {
      if (this.#closed) return;
      againInMs = this.#failed(error as Error);
    }
    this.#asking = false;
    if (this.#askAgain) againInMs = 0;
    this.#askAgain = false;
    this.#timer = setTimeout(() => void this.#ask(), againInMs).unref();
  }

  #succeeded(members: readonly UpstreamMember[] | null): void {
    const { name } = this;
    if (this.#said) this.#parts.say(`discovery of ${name}: good again`);
    this.#failures = 0;
    this.#error = null;
    this.#said = null;
    this.#lastSuccessAtMs = Date.now();
    if (members === null || JSON.stringify(members) === JSON.stringify(this.#members)) return;
    const before = new Set(this.#members.map(({ id }) => id));
    const after = new Set(members.map(({ id }) => id));
    const joined = [...after].filter((id) => !before.has(id));
    const left = [...before].filter((id) => !after.has(id));
    this.#members = members;
    this.#generation++;
    const changes =
      [...listed('joined', joined), ...listed('left', left)].join('; ') || 'other weights or priorities';
    this.#parts.say(`upstream ${name}: ${changes} (${members.length} members)`);
    this.#parts.onMembers(name, members);
  }

  /** Gives the time to wait: longer with each failure, and never twice the same, lest all gateways ask at once. */
  #failed({ message }: Error): number {
    const now = Date.now();
    this.errors++;
    this.#error = { message, atMs: now };
    if (this.#said?.message !== message || now - this.#said.atMs > sayAgainAfterMs) {
      const kept = this.#members.length;
      const meanwhile = kept > 0 ? `its ${kept} last members stay` : 'it has no members';
      this.#parts.say(`discovery of ${this.name} failed, ${meanwhile}: ${message}`);
      this.#said = { message, atMs: now };
    }
    const backoffMs = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(this.#failures++, 10));
    return backoffMs * (0.75 + Math.random() / 2);
  }
}

const maxListed = 10;

function listed(what: string, ids: readonly string[]): string[] {
  if (ids.length === 0) return [];
  const more = ids.length > maxListed ? ` and ${ids.length - maxListed} more` : '';
  return [`${what}: ${ids.slice(0, maxListed).join(', ')}${more}`];
}

function nameOf(source: DiscoverySource): string {
  switch (source.kind) {
    case 'dns':
      return `dns ${source.type} ${source.name}`;
    case 'file':
      return `file ${source.path}`;
    case 'http':
      // A query may well hold a token.
      return `http ${source.url.replace(/\?.*$/, '?…')}`;
  }
}
