import { Fault } from '#core/fault.ts';
import type { Ask, Question } from '#core/contracts/ask.ts';

/** What a library of OAuth asks by in place of `fetch`. */
export type AskingFetch = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
  },
) => Promise<Response>;

const bodiless = new Set([204, 205, 304]);

/** Asks by the gateway's own client, within its bounds. @throws Fault `upstream/…` */
export const fetchByAsk =
  (ask: Ask, bounds: Pick<Question, 'ca' | 'deadlineMs' | 'repeatable'>): AskingFetch =>
  async (url, { method, headers, body }) => {
    const reply = await ask({
      ...bounds,
      url,
      method,
      headers: Object.entries(headers).flatMap(([name, value]) => [name.toLowerCase(), value]),
      body: body === undefined || body === null ? null : String(body),
    });
    // What a server in trouble says is no answer of its protocol.
    if (reply.status >= 500)
      throw new Fault('upstream/refused', `${new URL(url).host} answered ${reply.status}.`);
    const pairs: [string, string][] = [];
    for (let i = 0; i < reply.headers.length; i += 2) pairs.push([reply.headers[i]!, reply.headers[i + 1]!]);
    return new Response(bodiless.has(reply.status) ? null : reply.body, {
      status: reply.status,
      headers: pairs,
    });
  };
