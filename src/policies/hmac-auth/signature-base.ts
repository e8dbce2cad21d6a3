import { Fault } from '#core/fault.ts';
import { valuesOf, type RequestHead } from '#core/head.ts';
import { renderInnerList, renderItem, type InnerList } from './structured-field.ts';

/**
 * What a signature is over (RFC 9421 §2.5): the components that it covers, line by line.
 * @throws Fault for what is covered and is not there, or in a form that is not understood.
 */
export function signatureBase(covered: InnerList, head: RequestHead): string {
  const lines: string[] = [];
  const seen = new Set<string>();
  for (const item of covered.items) {
    const { value: name, parameters } = item;
    if (typeof name !== 'string') throw malformed('Components of a signature are texts.');
    // Parts of fields, fields of trailers and of other messages: a server that cannot read them must refuse.
    if (parameters.size > 0)
      throw malformed(`The component ${renderItem(item)} is covered in a form that is not understood.`);
    if (seen.has(name)) throw malformed(`The component "${name}" is covered twice.`);
    seen.add(name);
    lines.push(`"${name}": ${componentOf(name, head)}`);
  }
  return [...lines, `"@signature-params": ${renderInnerList(covered)}`].join('\n');
}

/** RFC 9421 §2.1 and §2.2. */
function componentOf(name: string, head: RequestHead): string {
  switch (name) {
    case '@method':
      return head.method;
    case '@authority':
      return authorityOf(head);
    case '@scheme':
      return head.scheme;
    case '@path':
      return head.path;
    case '@query':
      return `?${head.query}`;
    case '@request-target':
      return targetOf(head);
    case '@target-uri':
      return `${head.scheme}://${authorityOf(head)}${targetOf(head)}`;
  }
  if (name.startsWith('@') || name !== name.toLowerCase())
    throw malformed(`The component "${name}" is not understood.`);
  const values = valuesOf(head.headers, name);
  if (values.length === 0)
    throw malformed(`The header "${name}" is covered by the signature, and did not come.`);
  return values.map((value) => value.trim()).join(', ');
}

const targetOf = ({ path, query }: RequestHead): string => (query === '' ? path : `${path}?${query}`);

/** In lower case, and without the port that goes without saying. */
const authorityOf = ({ authority, scheme }: RequestHead): string =>
  authority.toLowerCase().replace(scheme === 'https' ? /:443$/ : /:80$/, '');

const malformed = (message: string): Fault => new Fault('auth/unknown-credential', message);
