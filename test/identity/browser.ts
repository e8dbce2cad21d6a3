import { request as ask } from 'node:http';

/** What a browser does that matters here: cookies by host and path, redirects, forms, and where a request comes from. */

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  /** As it was set. */
  readonly line: string;
}

export interface Page {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Places that led here, the first asked for first. */
  readonly way: readonly string[];
}

/** One request as it is said: `fetch` would say by itself that it is none of a page. Follows nothing. */
export function request(
  url: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const asked = ask(url, { method, headers: { ...headers, ...length } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      answer.on('end', () => {
        const fields = new Headers();
        for (let i = 0; i < answer.rawHeaders.length; i += 2)
          fields.append(answer.rawHeaders[i]!, answer.rawHeaders[i + 1]!);
        const status = answer.statusCode!;
        const text = Buffer.concat(chunks);
        resolve(new Response(status === 204 || status === 304 ? null : text, { status, headers: fields }));
      });
    });
    asked.on('error', reject).end(body);
  });
}

export class Browser {
  /** By host and port. Real ones do not tell ports apart; the gateway and the provider have different hosts in life. */
  readonly #cookies = new Map<string, Map<string, Cookie>>();

  /** Opens a page, and follows where it leads. */
  async open(
    url: string,
    init: { readonly method?: string; readonly body?: URLSearchParams; readonly site?: string } = {},
  ): Promise<Page> {
    const way: string[] = [];
    let next = { url, method: init.method ?? 'GET', body: init.body ?? null };
    for (let hops = 0; hops < 20; hops++) {
      way.push(next.url);
      const answer = await this.send(next.url, {
        method: next.method,
        body: next.body,
        headers: {
          accept: 'text/html,*/*',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-site': init.site ?? 'none',
        },
      });
      const location = answer.headers.get('location');
      if (answer.status < 300 || answer.status >= 400 || location === null)
        return {
          url: next.url,
          status: answer.status,
          headers: answer.headers,
          text: await answer.text(),
          way,
        };
      await answer.body?.cancel();
      next = { url: new URL(location, next.url).href, method: 'GET', body: null };
    }
    throw new Error(`redirects without end: ${way.join(' → ')}`);
  }

  /** One request with the browser's cookies; what is set is kept. */
  async send(
    url: string,
    init: { method?: string; body?: URLSearchParams | null; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const { host, pathname } = new URL(url);
    const jar = this.#cookies.get(host) ?? new Map<string, Cookie>();
    this.#cookies.set(host, jar);
    const sent = [...jar.values()].filter(
      ({ path }) => pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`),
    );
    const cookie = sent.map(({ name, value }) => `${name}=${value}`).join('; ');
    const answer = await request(url, {
      method: init.method ?? 'GET',
      body: init.body?.toString() ?? '',
      headers: {
        ...init.headers,
        ...(cookie === '' ? {} : { cookie }),
        ...(init.body ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
      },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      const path = /; *path=([^;]+)/i.exec(line)?.[1] ?? '/';
      const over = /; *max-age=0/i.test(line) || /; *expires=thu, 01 jan 1970/i.test(line);
      if (over) jar.delete(name!);
      else jar.set(name!, { name: name!, value: value!, path, line });
    }
    return answer;
  }

  cookies(url: string): readonly Cookie[] {
    return [...(this.#cookies.get(new URL(url).host)?.values() ?? [])];
  }

  setCookie(url: string, name: string, value: string, path = '/'): void {
    const { host } = new URL(url);
    const jar = this.#cookies.get(host) ?? new Map<string, Cookie>();
    this.#cookies.set(host, jar.set(name, { name, value, path, line: '' }));
  }

  /** Fills in the form of a page, and sends it. */
  submit(page: Page, fields: Readonly<Record<string, string>>): Promise<Page> {
    const action = /<form[^>]*action="([^"]+)"/.exec(page.text)?.[1];
    if (action === undefined) throw new Error(`there is no form at ${page.url}: ${page.text.slice(0, 500)}`);
    const body = new URLSearchParams();
    for (const [input] of page.text.matchAll(/<input[^>]*>/g)) {
      const name = /name="([^"]+)"/.exec(input)?.[1];
      if (name !== undefined) body.set(name, /value="([^"]*)"/.exec(input)?.[1] ?? '');
    }
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    return this.open(new URL(action.replaceAll('&amp;', '&'), page.url).href, { method: 'POST', body });
  }
}
