const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const fixed = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const rfc850 = /^[A-Z][a-z]{5,8}, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const asctime = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;

/**
 * Milliseconds since the epoch of a date in one of the three forms of HTTP (RFC 9110 §5.6.7); null: it is none. A year of two digits
 * is not more than 50 years ahead.
 */
export function parseHttpDate(text: string | undefined, nowMs: number): number | null {
  if (text === undefined) return null;
  const of = (year: number, month: string, rest: readonly string[]): number | null => {
    const at = months.indexOf(month);
    const [day = 0, hour = 0, minute = 0, second = 0] = rest.map(Number);
    if (at < 0 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return null;
    return Date.UTC(year, at, day, hour, minute, second);
  };
  const usual = fixed.exec(text);
  if (usual) return of(Number(usual[3]), usual[2]!, [usual[1]!, ...usual.slice(4)]);
  const short = rfc850.exec(text);
  if (short) {
    const thisYear = new Date(nowMs).getUTCFullYear();
    let year = thisYear - (thisYear % 100) + Number(short[3]);
    if (year > thisYear + 50) year -= 100;
    return of(year, short[2]!, [short[1]!, ...short.slice(4)]);
  }
  const unix = asctime.exec(text);
  return unix ? of(Number(unix[6]), unix[1]!, unix.slice(2, 6)) : null;
}

export const renderHttpDate = (atMs: number): string => new Date(atMs).toUTCString();
