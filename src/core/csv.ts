export type CsvValue = string | number | bigint | null | undefined;

/**
 * One row (RFC 4180). A spreadsheet runs text that begins like a formula, and callers choose some of it:
 * https://owasp.org/www-community/attacks/CSV_Injection
 */
export const renderCsvRow = (values: readonly CsvValue[]): string =>
  `${values.map(renderCell).join(',')}\r\n`;

function renderCell(value: CsvValue): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'string') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
