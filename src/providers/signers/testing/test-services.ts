import type { Question, Reply } from '#core/contracts/ask.ts';
import type { SignerServices } from '#core/contracts/signer.ts';
import { Fault } from '#core/fault.ts';

export interface TestServices extends SignerServices {
  readonly asked: Question[];
}

/** A clock that stands at `atMs`, and servers by the beginnings of their addresses; no others can be reached. */
export function testServices(
  env: Readonly<Record<string, string>>,
  servers: Readonly<Record<string, (question: Question) => Omit<Reply, 'headers'>>> = {},
  atMs = 0,
): TestServices {
  const asked: Question[] = [];
  return {
    asked,
    env,
    clock: { nowMs: () => atMs, monotonicMs: () => atMs },
    ask(question) {
      asked.push(question);
      const [, answer] = Object.entries(servers).find(([url]) => question.url.startsWith(url)) ?? [];
      if (answer) return Promise.resolve({ headers: [], ...answer(question) });
      return Promise.reject(new Fault('upstream/credential', `${question.url} cannot be reached.`));
    },
  };
}
