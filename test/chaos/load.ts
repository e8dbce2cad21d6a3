import type { GatewayProcess } from '../harness/gateway-process.ts';
import { testKey } from '../harness/gateway.ts';

/** What callers saw. */
export interface Seen {
  /** Ids of exchanges whose answer was read to its end. */
  readonly whole: Set<string>;
  /** By status; 0 where there was none. */
  readonly statuses: Map<number, number>;
}

const scripts = [{ text: 'whole' }, { tokens: 8, paceMs: 3 }, { tokens: 40, paceMs: 5 }, { tokens: 3 }];
const patienceMs = 15_000;

/** Calls the nodes in turn until told to stop. What fails because something was broken is what this is about. */
export async function call(
  nodes: readonly GatewayProcess[],
  seen: Seen,
  keepOn: () => boolean,
): Promise<void> {
  for (let turn = Math.floor(Math.random() * 12); keepOn(); turn++) {
    const status = await callOne(nodes[turn % nodes.length]!, seen, scripts[turn % scripts.length]!);
    seen.statuses.set(status, (seen.statuses.get(status) ?? 0) + 1);
    if (status !== 200) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function callOne(node: GatewayProcess, seen: Seen, script: object): Promise<number> {
  const body = JSON.stringify({
    model: 'o/gpt-sim',
    stream: 'tokens' in script,
    max_tokens: 60,
    messages: [{ role: 'user', content: `simulate:${JSON.stringify(script)}` }],
  });
  try {
    const answer = await fetch(`${node.url}/v1/chat/completions`, {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(patienceMs),
    });
    const text = await answer.text();
    const isWhole = text.startsWith('{') ? text.trimEnd().endsWith('}') : text.includes('data: [DONE]');
    if (answer.status === 200 && isWhole) seen.whole.add(answer.headers.get('x-sluice-exchange')!);
    return answer.status;
  } catch {
    return 0;
  }
}
