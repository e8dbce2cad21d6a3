import type { Identity } from './shapes.ts';

const tokenName = 'sluice-admin-token';

/** An answer that is none of success, with what its problem document says. */
export class ApiError extends Error {
  readonly status: number;
  readonly problem: Readonly<Record<string, unknown>>;
  constructor(status: number, problem: Readonly<Record<string, unknown>>) {
    super(String(problem['detail'] ?? problem['title'] ?? status));
    this.name = 'ApiError';
    this.status = status;
    this.problem = problem;
  }
}

export interface Asked {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * Asks the admin API, as whoever is signed in: by a token, which lives as long as the browser's tab, or by the cookie of a
 * session, which no script can read.
 */
export class Api {
  #token = sessionStorage.getItem(tokenName);
  #csrf: string | null = null;
  /** Told when the API does not know us any more. */
  onSignedOut: () => void = () => undefined;

  /** @throws ApiError 401 for a token that nobody knows. */
  async signIn(token: string): Promise<Identity> {
    this.#token = token;
    const identity = await this.identify();
    sessionStorage.setItem(tokenName, token);
    return identity;
  }

  async identify(): Promise<Identity> {
    const { body } = await this.#ask<Identity>('GET', '/v1/session');
    this.#csrf = body.csrf;
    return body;
  }

  /** Resolves to where the provider ends its session, too; null: there is nothing to end. */
  async signOut(): Promise<string | null> {
    const isSession = this.#token === null;
    sessionStorage.removeItem(tokenName);
    this.#token = null;
    if (!isSession) return null;
    const { body } = await this.#ask<{ endSessionUrl: string | null }>('DELETE', '/v1/session');
    return body.endSessionUrl;
  }

  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return (await this.ask<T>('GET', path, signal ? { signal } : {})).body;
  }

  /** @throws ApiError */
  async ask<T>(method: string, path: string, asked: Asked = {}): Promise<{ body: T; etag: string | null }> {
    try {
      return await this.#ask<T>(method, path, asked);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.onSignedOut();
      throw error;
    }
  }

  /** Events of a stream, until it ends or is ended. @throws ApiError */
  async *follow<T>(path: string, signal: AbortSignal): AsyncGenerator<T> {
    const headers = { ...this.#headers('GET'), accept: 'text/event-stream' };
    const answer = await fetch(path, { headers, signal });
    if (!answer.ok) {
      if (answer.status === 401) this.onSignedOut();
      throw new ApiError(answer.status, await problemOf(answer));
    }
    let open = '';
    // Not every browser iterates over streams.
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const lines = (open + read.value).split('\n');
      open = lines.pop()!;
      for (const line of lines) if (line.startsWith('data: ')) yield JSON.parse(line.slice(6)) as T;
    }
  }

  async #ask<T>(method: string, path: string, { body, headers, signal }: Asked = {}) {
    const answer = await fetch(path, {
      method,
      headers: {
        ...this.#headers(method),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
    if (!answer.ok) throw new ApiError(answer.status, await problemOf(answer));
    const text = await answer.text();
    return { body: (text === '' ? null : JSON.parse(text)) as T, etag: answer.headers.get('etag') };
  }

  #headers(method: string): Record<string, string> {
    if (this.#token !== null) return { authorization: `Bearer ${this.#token}` };
    return method === 'GET' || this.#csrf === null ? {} : { 'x-sluice-csrf': this.#csrf };
  }
}

async function problemOf(answer: Response): Promise<Record<string, unknown>> {
  const text = await answer.text();
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { detail: text.slice(0, 300) };
  }
}
