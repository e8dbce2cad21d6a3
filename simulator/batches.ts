import { readMessagesRequest } from './anthropic-request.ts';
import { renderMessage } from './anthropic-messages.ts';
import { planAnswer } from './answer.ts';
import { readChatRequest } from './openai-request.ts';
import { renderCompletion } from './openai-chat.ts';
import type { ScriptStore } from './model-call.ts';
import { resolveScript } from './script-source.ts';
import { isObject } from './shape.ts';
import type { Json } from './shape.ts';
import { vendorAt, workVendorAt } from './vendors.ts';

/** What became of one call of a batch: an answer, or a status of 400 or more with a message. */
export type Outcome = { answer: Json } | { status: number; message: string };

export interface BatchWork {
  store: ScriptStore;
  /** Of the call that made the batch: ids of answers follow from it. */
  number: number;
}

/** Does one call as if it came alone to `path`. */
export function doCall(path: string, body: unknown, { store, number }: BatchWork): Outcome {
  try {
    if (!isObject(body)) return { status: 400, message: 'expected an object' };
    const script = resolveScript({ defaults: store.defaults, queued: undefined, headers: {}, body });
    if (script.status !== undefined && script.status >= 400)
      return { status: script.status, message: script.errorMessage ?? `Simulated error ${script.status}` };
    const call = { number, headers: {} };
    if (path === '/v1/chat/completions') {
      const { body: answer } = renderCompletion(
        planAnswer(readChatRequest(body, script), script, call),
        script,
      );
      return { answer };
    }
    if (path === '/v1/messages') {
      const understood = readMessagesRequest(body, { version: '2023-06-01', script, counting: false });
      return { answer: renderMessage(planAnswer(understood, script, call), script).body };
    }
    const url = new URL(path, 'http://simulator');
    const vendor = vendorAt(url);
    if (vendor) {
      const understood = vendor.read(body, script, url);
      return { answer: vendor.renderWhole(planAnswer(understood, script, call), script).body };
    }
    const done = workVendorAt(url)?.work(body, path);
    if (done && isObject(done.body)) return { answer: done.body };
    return { status: 404, message: `No such path: ${path}` };
  } catch (error) {
    return { status: 400, message: error instanceof Error ? error.message : String(error) };
  }
}

export const failed = (outcome: Outcome): outcome is { status: number; message: string } =>
  'status' in outcome;
