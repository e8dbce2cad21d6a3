/**
 * Columns for people. Numbers stand right. Control characters are shown, not sent: a name that somebody chose must
 * not drive the terminal of who reads it.
 */
export function renderTable(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = [head, ...rows].map((row) => row.map(renderCell));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const right = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^(-?[\d.,]+)?$/.test(renderCell(row[column]))),
  );
  return cells
    .map((row) =>
      row
        .map((cell, i) => (right[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
    .concat('\n');
}

function renderCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  return visible(Array.isArray(value) ? value.join(', ') : String(value));
}

/** Control and direction characters as escapes. */
export function visible(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
