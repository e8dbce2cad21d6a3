import type { Conversation, JsonObject } from '#core/call.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import { isObject } from '#core/read-json.ts';

/** What a call asks for, and the call without that. */
export interface TemplateCall {
  /** `name` or `name@version`. */
  readonly name: string;
  readonly variables: JsonObject;
  readonly conversation: Conversation;
  /** The client's body without the reference. */
  readonly body: JsonObject;
  /** The turn in whose place the template's messages come; −1: before all turns. */
  readonly turn: number;
}

const inText = /^\s*\{template:\/\/([^{}\s]{1,100})\}\s*$/;
export const nameHeader = 'x-sluice-prompt';
export const variablesHeader = 'x-sluice-prompt-variables';

/**
 * The template that a call asks for. By a header; by `prompt: {id, version, variables}` in its body; or by a message that is
 * `{template://name}`, with `properties` beside it. Null: none.
 * @param isKnown Is there a template of this name? A `prompt` of another may be the provider's own.
 * @throws Fault `prompt/template`
 */
export function readReference(exchange: Exchange, isKnown: (name: string) => boolean): TemplateCall | null {
  const { headers } = exchange.head;
  const json = exchange.json!;
  const named = headerOf(headers, nameHeader);
  const { properties, ...withoutProperties } = json;
  const variables = variablesOf(headerOf(headers, variablesHeader), properties);
  if (named !== undefined)
    return { name: named.trim(), variables, conversation: exchange.conversation!(), body: json, turn: -1 };
  const { prompt, ...withoutPrompt } = json;
  if (isObject(prompt) && typeof prompt['id'] === 'string') {
    const { id, version, variables: given = {} } = prompt;
    const name = version === undefined || version === null ? id : `${id}@${String(version as string)}`;
    // Without one of the operator's own, it is for the provider to say what that is.
    if (isKnown(name) || isKnown(id)) {
      if (!isObject(given)) throw refused('"prompt.variables" is no object', 'prompt.variables');
      const conversation = exchange.readCall!(readable(withoutPrompt));
      return { name, variables: given, conversation, body: withoutPrompt, turn: -1 };
    }
  }
  const body = readable(withoutProperties);
  const conversation =
    body === withoutProperties && properties === undefined
      ? exchange.conversation!()
      : exchange.readCall!(body);
  const turn = conversation.turns.findLastIndex(({ role }) => role === 'user');
  const parts = conversation.turns[turn]?.parts ?? [];
  const [only] = parts;
  const found = parts.length === 1 && only!.type === 'text' ? inText.exec(only!.text) : null;
  return found && { name: found[1]!, variables, conversation, body, turn };
}

/** Some clients send the reference in the place of all messages. */
function readable(body: JsonObject): JsonObject {
  const { messages } = body;
  if (typeof messages !== 'string') return body;
  return { ...body, messages: [{ role: 'user', content: messages }] };
}

function variablesOf(header: string | undefined, properties: unknown): JsonObject {
  if (header === undefined) return isObject(properties) ? properties : {};
  try {
    const given: unknown = JSON.parse(header);
    if (isObject(given)) return given;
  } catch {
    // Said below.
  }
  throw refused(`the header ${variablesHeader} is no JSON object`, variablesHeader);
}

export const refused = (why: string, field: string): Fault =>
  new Fault('prompt/template', `The prompt template cannot be used: ${why}.`, { field });
