import { readFileSync, writeFileSync } from 'node:fs';

/** One case: what it shows, and its named sections in order. */
export interface CaseFile {
  readonly title: string;
  readonly sections: ReadonlyMap<string, string>;
}

/** Text before the first section says what is shown; a line `--- name` begins a section. @throws for a section twice. */
export function readCase(path: string): CaseFile {
  const [title = '', ...parts] = readFileSync(path, 'utf8').split(/^--- /m);
  const sections = new Map<string, string>();
  for (const part of parts) {
    const end = part.indexOf('\n');
    const name = part.slice(0, end);
    if (sections.has(name)) throw new Error(`${path}: section "${name}" stands there twice`);
    sections.set(name, part.slice(end + 1));
  }
  return { title: title.trim(), sections };
}

export function writeCase(path: string, { title, sections }: CaseFile): void {
  const parts = [...sections].map(([name, text]) => `--- ${name}\n${text.replace(/\n*$/, '\n')}`);
  writeFileSync(path, `${title}\n\n${parts.join('\n')}`);
}

const width = 110;

/** JSON for readers: what fits on a line stands on one. Parsing and stringifying it gives the compact form back. */
export function layOut(value: unknown, indent = ''): string {
  const line = JSON.stringify(value, null, 1)?.replace(/\n\s*/g, ' ') ?? 'null';
  if (indent.length + line.length <= width || typeof value !== 'object' || value === null) return oneLine(value);
  const deeper = `${indent}  `;
  const members = Array.isArray(value)
    ? value.map((member) => deeper + layOut(member, deeper))
    : Object.entries(value).map(([key, member]) => `${deeper}${JSON.stringify(key)}: ${layOut(member, deeper)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${members.join(',\n')}\n${indent}${close}`;
}

function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}: ${oneLine(member)}`);
  return members.length ? `{ ${members.join(', ')} }` : '{}';
}
