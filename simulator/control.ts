import type { ServerResponse } from 'node:http';
import type { CallLog, SimulatedCall } from './call-log.ts';
import { checkScript, ScriptError } from './script.ts';
import type { Script } from './script.ts';
import type { ScriptStore } from './model-call.ts';

/** What the control routes act on. */
export interface Controls extends ScriptStore {
  log: CallLog;
  enqueue(...scripts: Script[]): void;
  reset(): void;
}

export interface ControlRequest {
  method: string;
  url: URL;
  body: Buffer;
}

/**
 * Answers `POST /_script` (a list is queued, one script per call; an object becomes the defaults),
 * `GET /_calls[?ids=1][&since=N]` and `POST /_reset`. Answers false for any other path.
 */
export function answerControl(
  request: ControlRequest,
  response: ServerResponse,
  controls: Controls,
): boolean {
  const route = `${request.method} ${request.url.pathname}`;
  if (route === 'POST /_reset') {
    controls.reset();
    send(response, 200, { ok: true });
  } else if (route === 'POST /_script') {
    takeScripts(request.body, response, controls);
  } else if (route === 'GET /_calls') {
    const query = request.url.searchParams;
    const calls = controls.log.list(Number(query.get('since') ?? 0));
    send(response, 200, query.get('ids') ? calls.map(summarize) : calls);
  } else return false;
  return true;
}

function takeScripts(body: Buffer, response: ServerResponse, controls: Controls): void {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (Array.isArray(value)) {
      const scripts = value.map((script, index) => checkScript(script, `script ${index}`));
      controls.enqueue(...scripts);
      send(response, 200, { queued: scripts.length });
    } else {
      controls.defaults = checkScript(value, 'defaults');
      send(response, 200, { defaults: controls.defaults });
    }
  } catch (error) {
    if (!(error instanceof ScriptError) && !(error instanceof SyntaxError)) throw error;
    send(response, 400, { error: { type: 'simulator_script_error', message: error.message } });
  }
}

function summarize(call: SimulatedCall): Partial<SimulatedCall> {
  const { id, number, exchangeId, model, status, finished, usage, promptTokens, tokensGenerated } = call;
  return { id, number, exchangeId, model, status, finished, usage, promptTokens, tokensGenerated };
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
