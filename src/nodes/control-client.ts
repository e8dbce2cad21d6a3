import {
  nodeHeader,
  type EdgeChanges,
  type EdgeCursor,
  type EdgeDead,
  type EdgeReport,
} from '#core/contracts/edge.ts';

export interface ControlAddress {
  /** `https://control.example.com:9080`; a path before `/v1` stays. */
  readonly url: string;
  readonly token: string;
  readonly nodeId: string;
}

/** The control plane has answered, and not as was hoped. */
export class ControlRefusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'ControlRefusal';
    this.status = status;
  }
}

interface Asking {
  readonly json?: object;
  readonly bytes?: Uint8Array<ArrayBuffer>;
  readonly withinMs?: number;
  readonly signal?: AbortSignal;
}

const answerWithinMs = 15_000;

/** Asks a control plane on behalf of an edge node. Every call rejects when it cannot be reached, or refuses. */
export class ControlClient {
  readonly #address: ControlAddress;
  readonly #closing = new AbortController();

  constructor(address: ControlAddress) {
    this.#address = address;
  }

  /** What is new; waits up to `waitMs` for it. */
  async changes(
    cursor: EdgeCursor,
    { waitMs, signal }: { readonly waitMs: number; readonly signal?: AbortSignal },
  ): Promise<EdgeChanges> {
    const query = new URLSearchParams({
      digest: cursor.digest,
      epoch: cursor.epoch,
      sequence: String(cursor.sequence),
      waitMs: String(waitMs),
    });
    const withinMs = waitMs + answerWithinMs;
    const answer = await this.#ask(`GET changes?${query}`, { withinMs, ...(signal ? { signal } : {}) });
    return (await answer.json()) as EdgeChanges;
  }

  async report(report: EdgeReport): Promise<void> {
    await this.#ask('PUT report', { json: report });
  }

  /** Resolves when the segment is on the books there. */
  async send(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#ask(`PUT segments/${encodeURIComponent(name)}`, { bytes });
  }

  /** Resolves when what it left open is settled there. Its segments were sent before. */
  async giveUp(dead: EdgeDead): Promise<void> {
    await this.#ask('POST dead', { json: dead });
  }

  /** Ends whatever is under way. */
  close(): void {
    this.#closing.abort(new Error('the gateway is ending'));
  }

  async #ask(line: string, { json, bytes, withinMs = answerWithinMs, signal }: Asking): Promise<Response> {
    const { url, token, nodeId } = this.#address;
    const [method, path] = line.split(' ') as [string, string];
    const type = json ? 'application/json' : bytes ? 'application/octet-stream' : null;
    let answer: Response;
    try {
      answer = await fetch(`${url.replace(/\/+$/, '')}/v1/nodes/self/${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          [nodeHeader]: nodeId,
          ...(type ? { 'content-type': type } : {}),
        },
        body: json ? JSON.stringify(json) : (bytes ?? null),
        redirect: 'error',
        signal: AbortSignal.any([
          this.#closing.signal,
          AbortSignal.timeout(withinMs),
          ...(signal ? [signal] : []),
        ]),
      });
      if (answer.ok) return answer;
    } catch (error) {
      const { message, code } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
      throw new Error(`the control plane at ${url} cannot be reached (${code ?? message})`, { cause: error });
    }
    const said = await answer.text().catch(() => '');
    throw new ControlRefusal(
      answer.status,
      `the control plane at ${url} answered ${answer.status}: ${detailOf(said)}`,
    );
  }
}

function detailOf(text: string): string {
  try {
    return (JSON.parse(text) as { detail?: string }).detail ?? text;
  } catch {
    return text.slice(0, 200);
  }
}
