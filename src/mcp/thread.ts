import { createHash } from 'node:crypto';
import type { ToolServer } from '#core/tool-server.ts';
import type { ToolDesk } from '#pipeline/gateway.ts';
import { ClientQuestions } from './client-questions.ts';
import { Desk, type DeskParts, type RunningRequests } from './desk.ts';
import type { ToolEndpoint } from './endpoint.ts';
import { HeldCalls } from './held-calls.ts';
import { LegacyFront } from './legacy-front.ts';
import { LocalSource } from './local-source.ts';
import { RemoteSource } from './remote-source.ts';
import { Seal } from './seal.ts';
import { SessionNotes } from './session-notes.ts';
import { programsHome, serveProgram, SharedProgram } from './shared-programs.ts';
import { Switchboard } from './switchboard.ts';
import type { ToolSource } from './tool-source.ts';
import type { RpcId } from './wire.ts';

/** How long a caller may take to answer what its call was asked. */
const holdMs = 10 * 60_000;

export interface ToolThreadParts {
  /** The same for all threads, and for all nodes that are to understand each other's tokens. */
  readonly secret: Uint8Array;
  /** Do programs run for this thread? For exactly one of a process. */
  readonly hasPrograms: boolean;
  /** Told what programs say on their standard error. */
  log(server: string, line: string): void;
}

interface Opened {
  readonly digest: string;
  readonly source: ToolSource & { retire(): void; close(): void };
}

/** What a thread keeps of servers of tools, over reloads. Nothing of it is there before a configuration names one. */
export class ToolThread {
  readonly #parts: ToolThreadParts;
  readonly #opened = new Map<string, Opened>();
  readonly #leaving = new AbortController();
  #core: Core | null = null;

  constructor(parts: ToolThreadParts) {
    this.#parts = parts;
  }

  /** Null: the configuration names no server. What it does not name any more is closed. */
  deskOf(
    servers: readonly ToolServer[],
    endpointOf: (server: Extract<ToolServer, { kind: 'remote' }>) => ToolEndpoint,
  ): ToolDesk | null {
    if (servers.length === 0 && !this.#core) return null;
    const core = (this.#core ??= openCore(this.#parts, (server) => this.#opened.get(server)?.source));
    const names = new Set(servers.map(({ name }) => name));
    for (const [name, { source }] of this.#opened) {
      if (names.has(name)) continue;
      this.#opened.delete(name);
      source.retire();
    }
    const sources = new Map<string, ToolSource>();
    for (const server of servers) sources.set(server.name, this.#sourceOf(server, core, endpointOf));
    return new Desk({ ...core, leaving: this.#leaving.signal, sources });
  }

  /** The process is about to end: clients that only listen are let go. */
  goAway(): void {
    this.#leaving.abort();
  }

  close(): void {
    for (const { source } of this.#opened.values()) source.close();
    this.#core?.held.close();
    this.#core?.switchboard.close();
  }

  #sourceOf(
    server: ToolServer,
    { held, switchboard }: Core,
    endpointOf: (server: Extract<ToolServer, { kind: 'remote' }>) => ToolEndpoint,
  ): ToolSource {
    const digest = createHash('sha256').update(JSON.stringify(server)).digest('base64');
    const known = this.#opened.get(server.name);
    if (known?.digest === digest) return known.source;
    const source =
      server.kind === 'remote'
        ? new RemoteSource(endpointOf(server), held, { era: server.era, shared: server.shared })
        : this.#parts.hasPrograms
          ? new LocalSource(server, held, (line) => this.#parts.log(server.name, line))
          : new SharedProgram(server.name, switchboard);
    this.#opened.set(server.name, { digest, source });
    // Exchanges that began with it end with it.
    known?.source.retire();
    return source;
  }
}

interface Core extends Omit<DeskParts, 'leaving' | 'sources'> {
  readonly switchboard: Switchboard;
  readonly held: HeldCalls;
}

function openCore(
  { secret, hasPrograms }: ToolThreadParts,
  programOf: (server: string) => ToolSource | undefined,
): Core {
  const name = createHash('sha256').update('sluice mcp').update(secret).digest('base64url');
  const switchboard = new Switchboard(name, hasPrograms ? programsHome : null);
  switchboard.open();
  if (hasPrograms) serveProgram(switchboard, programOf);
  const seal = new Seal(secret, 'sluice mcp');
  const held = new HeldCalls(seal, switchboard, holdMs);
  const notes = new SessionNotes(switchboard);
  const questions = new ClientQuestions(switchboard);
  const front = new LegacyFront({ seal, notes, questions });
  return { switchboard, held, notes, questions, front, running: runningRequests(switchboard) };
}

function runningRequests(switchboard: Switchboard): RunningRequests {
  const running = new Map<string, () => void>();
  const keyOf = (session: string, id: RpcId) => JSON.stringify([session, id]);
  switchboard.hear('cancelled', ({ key }) => running.get(String(key))?.());
  return {
    cancel: (session, id) => switchboard.tell('cancelled', { key: keyOf(session, id) }),
    watch(session, id, cancel) {
      const key = keyOf(session, id);
      running.set(key, cancel);
      return () => void running.delete(key);
    },
  };
}
