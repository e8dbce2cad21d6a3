import type { JsonObject } from '#core/call.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import type { Passage } from '#pipeline/passage.ts';
import type { Ask, Hearing, ToolSource } from './tool-source.ts';
import type { Outcome } from './wire.ts';

/** A server as far as the route's policies let the caller know of it: by the names that the server itself has for its tools. */
export class GrantedSource implements ToolSource {
  readonly #server: string;
  readonly #source: ToolSource;
  readonly #passage: Passage;

  constructor(
    { server, source }: { readonly server: string; readonly source: ToolSource },
    passage: Passage,
  ) {
    this.#server = server;
    this.#source = source;
    this.#passage = passage;
  }

  async ask(ask: Ask, hearing: Hearing): Promise<Outcome> {
    const { method, params } = ask;
    if (method === 'tools/call' && !this.#allows(params['name']))
      throw new Fault(
        'access/tool',
        `The tool "${String(params['name'])}" of "${this.#server}" may not be called.`,
      );
    const outcome = await this.#source.ask(ask, hearing);
    if (method !== 'tools/list' || 'error' in outcome) return outcome;
    const { tools } = outcome.result;
    if (!Array.isArray(tools)) return outcome;
    const granted = (tools as unknown[]).filter((tool) => isObject(tool) && this.#allows(tool['name']));
    // What one caller is shown is not what the next one is.
    const result: JsonObject = { ...outcome.result, tools: granted, cacheScope: 'private' };
    return { result };
  }

  #allows(tool: unknown): boolean {
    const { exchange, route } = this.#passage;
    return (
      typeof tool === 'string' &&
      route.allowsTool.every((policy) => policy.allowsTool!(exchange, this.#server, tool))
    );
  }
}
