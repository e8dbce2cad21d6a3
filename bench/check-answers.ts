import { deepStrictEqual } from 'node:assert/strict';
import { bearerPrefix } from './variants/variant.ts';

interface Chunk {
  readonly choices: readonly {
    readonly delta?: { readonly content?: string };
    readonly message?: { readonly content: string };
  }[];
  readonly usage?: { readonly total_tokens: number } | null;
}

interface Answers {
  readonly json: { readonly content: string | undefined; readonly totalTokens: number | undefined };
  readonly burst: Streamed;
  readonly paced: Streamed;
  readonly plain: string;
}

interface Streamed {
  readonly events: number;
  readonly content: string;
  readonly totalTokens: number | undefined;
  readonly ended: boolean;
}

/** Asks for one of each kind of answer on a port, in a form that can be compared. */
export async function collectAnswers(port: number): Promise<Answers> {
  const json = JSON.parse(await ask(port, { model: 'bench-json' })) as Chunk;
  const streamed = { stream: true, stream_options: { include_usage: true } };
  const paced = parseStream(await ask(port, { model: 'bench-paced', max_tokens: 3, ...streamed }));
  return {
    json: { content: json.choices[0]?.message?.content, totalTokens: json.usage?.total_tokens },
    burst: parseStream(await ask(port, { model: 'bench-burst', ...streamed })),
    // The times differ, the number of stamps may not.
    paced: { ...paced, content: paced.content.replace(/\d+/g, '0') },
    plain: await ask(port),
  };
}

/**
 * Holds the answers that come through a variant against those of the upstream itself.
 * @throws Error that shows the difference.
 */
export function checkAnswers(
  variant: string,
  { expected, actual }: { expected: Answers; actual: Answers },
): void {
  deepStrictEqual(actual, expected, `${variant} does not answer as the upstream does`);
  const { json, burst, paced } = actual;
  const whole =
    json.totalTokens === 350 &&
    burst.events === 200 &&
    burst.ended &&
    paced.content === 't=0 t=0 t=0 ' &&
    paced.ended;
  if (!whole) throw new Error(`${variant}: not the answers of the upstream: ${JSON.stringify(actual)}`);
}

async function ask(port: number, fields?: object): Promise<string> {
  const headers = { authorization: `Bearer ${bearerPrefix}000000`, 'content-type': 'application/json' };
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'hello' }], ...fields });
  const answer = fields
    ? await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, { method: 'POST', headers, body })
    : await fetch(`http://127.0.0.1:${port}/plain/items`, { headers });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`port ${port}: ${answer.status} ${text}`);
  return text;
}

function parseStream(text: string): Streamed {
  const data = text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => line.slice(6));
  const chunks = data.filter((line) => line !== '[DONE]').map((line) => JSON.parse(line) as Chunk);
  return {
    events: chunks.length,
    content: chunks.map(({ choices }) => choices[0]?.delta?.content ?? '').join(''),
    totalTokens: chunks.at(-1)?.usage?.total_tokens,
    ended: data.at(-1) === '[DONE]',
  };
}
