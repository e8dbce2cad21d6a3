/** As much of a browser as signing in takes: cookies by host, redirects, forms. Each request goes out as a navigation. */
export class Browser {
  readonly #cookies = new Map<string, Map<string, string>>();

  /** Where it was led in the end, and what it got there. `upTo`: a redirect to there is not followed, but told. */
  async open(
    url: string,
    init: { readonly form?: Record<string, string>; readonly upTo?: string } = {},
  ): Promise<{ url: string; status: number; text: string; location: string | null }> {
    let at = url;
    let form = init.form;
    for (let hops = 0; hops < 20; hops++) {
      const answer = await fetch(at, {
        method: form ? 'POST' : 'GET',
        redirect: 'manual',
        headers: {
          cookie: this.cookies(at),
          'sec-fetch-mode': 'navigate',
          // Since the provider has led it here, or there.
          'sec-fetch-site': hops === 0 ? 'none' : 'cross-site',
        },
        ...(form ? { body: new URLSearchParams(form) } : {}),
      });
      this.#keep(at, answer.headers.getSetCookie());
      const location = answer.headers.get('location');
      const text = await answer.text();
      if (!location || answer.status < 300 || answer.status >= 400)
        return { url: at, status: answer.status, text, location: null };
      const next = new URL(location, at).href;
      if (init.upTo !== undefined && next.startsWith(init.upTo))
        return { url: at, status: answer.status, text, location: next };
      at = next;
      form = undefined;
    }
    throw new Error(`led in a circle from ${url}`);
  }

  /** As the header says them. */
  cookies(url: string): string {
    const jar = this.#cookies.get(new URL(url).origin) ?? new Map<string, string>();
    return [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  #keep(url: string, set: readonly string[]): void {
    const { origin } = new URL(url);
    const jar = this.#cookies.get(origin) ?? new Map<string, string>();
    this.#cookies.set(origin, jar);
    for (const line of set) {
      const [pair, ...attributes] = line.split(';');
      const at = pair!.indexOf('=');
      const name = pair!.slice(0, at).trim();
      const isGone = attributes.some((each) => /^\s*(max-age=0|expires=Thu, 01 Jan 1970)/i.test(each));
      if (isGone) jar.delete(name);
      else jar.set(name, pair!.slice(at + 1));
    }
  }
}
