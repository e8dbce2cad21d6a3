import { Fault } from '#core/fault.ts';
import type { LocalToolServer } from '#core/tool-server.ts';
import type { OpenChannel } from './channel.ts';
import type { HeldCalls } from './held-calls.ts';
import { PeerSession } from './peer-session.ts';
import { SessionPool, type ClientHello } from './session-pool.ts';
import { SessionSource } from './session-source.ts';
import { StdioChannel } from './stdio-channel.ts';
import type { Ask, Hearing, ToolSource } from './tool-source.ts';
import { metaOf, modernVersion, type Outcome } from './wire.ts';

const firstPauseMs = 500;
const longestPauseMs = 60_000;

/**
 * A program on this machine. It is started when it is first asked, and again when it is asked after it has ended; one that does not
 * even begin is left alone for a while.
 */
export class LocalSource implements ToolSource {
  readonly #server: LocalToolServer;
  readonly #open: OpenChannel;
  readonly #source: SessionSource;
  readonly #pool: SessionPool;
  #era: 'modern' | 'legacy' | null;
  #pauseMs = 0;
  #untilMs = 0;

  /** @param log Told what the program says on its standard error. */
  constructor(server: LocalToolServer, held: HeldCalls, log: (line: string) => void) {
    this.#server = server;
    this.#era = server.era;
    this.#open = (receiver) => new StdioChannel(server, receiver, log);
    const rules = { shared: server.shared, most: server.maxProcesses };
    this.#pool = new SessionPool((hello) => this.#start(hello), rules);
    this.#source = new SessionSource(this.#pool, held);
  }

  ask(ask: Ask, hearing: Hearing): Promise<Outcome> {
    return this.#source.ask(ask, hearing);
  }

  retire(): void {
    this.#pool.retire();
  }

  close(): void {
    this.#pool.close();
  }

  async #start(hello: ClientHello): Promise<PeerSession> {
    if (Date.now() < this.#untilMs)
      throw new Fault(
        'upstream/unavailable',
        `The program of "${this.#server.name}" does not begin; it is tried again later.`,
      );
    try {
      const session = await this.#begin(hello);
      this.#pauseMs = 0;
      return session;
    } catch (thrown) {
      this.#pauseMs = Math.min(longestPauseMs, Math.max(firstPauseMs, this.#pauseMs * 2));
      this.#untilMs = Date.now() + this.#pauseMs;
      throw thrown;
    }
  }

  /**
   * A modern program answers `server/discover`. One that does not is begun anew, since some that are asked anything before the
   * handshake do not come to it any more
   * (https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio#backward-compatibility).
   */
  async #begin(hello: ClientHello): Promise<PeerSession> {
    if (this.#era === 'legacy') return PeerSession.open(this.#open, hello);
    const session = PeerSession.modern(this.#open);
    if (this.#era === 'modern') return session;
    const _meta = {
      [metaOf.version]: modernVersion,
      [metaOf.capabilities]: hello.capabilities,
      [metaOf.client]: hello.clientInfo,
    };
    const outcome = await session.do('server/discover', { _meta }).catch(() => null);
    if (outcome && 'result' in outcome && Array.isArray(outcome.result['supportedVersions'])) {
      this.#era = 'modern';
      return session;
    }
    session.close();
    const legacy = await PeerSession.open(this.#open, hello);
    this.#era = 'legacy';
    return legacy;
  }
}
