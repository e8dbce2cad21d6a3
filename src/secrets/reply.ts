import type { Reply } from '#core/contracts/ask.ts';

/** The answer's JSON object. @throws Error that says what came, and shows nothing of it. */
export function objectIn({ body }: Reply, who: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new Error(`${who} answered with something that is not a JSON object`);
}

/** What a status means for whoever wants to read something. */
export function refusalOf(status: number, who: string, path: string): Error {
  const what: Readonly<Record<number, string>> = {
    400: `${who} does not understand the request for ${path} (400)`,
    401: `${who} does not take the gateway's credential (401)`,
    403: `${who} does not let the gateway read ${path} (403)`,
    404: `${who} has nothing at ${path} (404)`,
    429: `${who} is asked too often (429)`,
  };
  return new Error(what[status] ?? `${who} answered ${status}`);
}

/** Members that are texts; others as JSON. */
export const textsOf = (fields: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );

/** A text that is a JSON object has its members as fields. */
export function documentOf(text: string): { text: string; fields: Record<string, string>; leaseMs: null } {
  let fields: Record<string, string> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      fields = textsOf(parsed as Record<string, unknown>);
  } catch {
    // It is a text, and no more.
  }
  return { text, fields, leaseMs: null };
}
