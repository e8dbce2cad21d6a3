import type { JsonObject } from '#core/call.ts';
import { wordsPattern } from '#core/hidden-keys.ts';
import { isObject } from '#core/read-json.ts';

/** What lies in the operator's storage is named by its address. */
export const vendorIdWords = wordsPattern(['s3Location', 'promptVariables', 'guardrailIdentifier']);

/** Anything that names the operator's own storage, prompts or guardrails. */
export function findVendorIds(body: JsonObject): string[] {
  const found: string[] = [];
  if (body['promptVariables'] !== undefined && body['promptVariables'] !== null)
    found.push('promptVariables');
  const stack: (readonly [unknown, string])[] = [
    [body['messages'], 'messages'],
    [body['system'], 'system'],
  ];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const [value, path] = next;
    if (Array.isArray(value)) for (const item of value) stack.push([item, `${path}[]`]);
    else if (isObject(value))
      for (const [key, inner] of Object.entries(value)) {
        if (key === 's3Location') found.push(`${path}.${key}`);
        // A tool's own arguments may have any name.
        else if (key !== 'input' && key !== 'json') stack.push([inner, `${path}.${key}`]);
      }
  }
  return found;
}
