import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';

export interface Format {
  count(value: number): string;
  /** With one digit behind the point below 100. */
  rate(value: number): string;
  percent(part: number): string;
  /** Milliseconds. */
  duration(ms: number | null): string;
  /** Nano-units of a currency; an empty one has no price. */
  money(nano: string | number, currency: string): string;
  moment(ms: number): string;
  day(ms: number): string;
  /** The time of day, of epoch seconds. */
  second(seconds: number): string;
}

export function useFormat(): Format {
  const { i18n } = useTranslation();
  return useMemo(() => formatOf(i18n.language), [i18n.language]);
}

function formatOf(language: string): Format {
  const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  const fine = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  const share = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 });
  const time = new Intl.DateTimeFormat(language, { dateStyle: 'short', timeStyle: 'medium' });
  const clock = new Intl.DateTimeFormat(language, { timeStyle: 'medium' });
  const date = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' });
  return {
    count: (value) => whole.format(value),
    rate: (value) => (value >= 100 ? whole : fine).format(value),
    percent: (part) => share.format(part),
    duration(ms) {
      if (ms === null) return '–';
      if (ms < 1000) return `${whole.format(ms)} ms`;
      return ms < 60_000 ? `${fine.format(ms / 1000)} s` : `${fine.format(ms / 60_000)} min`;
    },
    money(nano, currency) {
      const amount = Number(nano) / 1e9;
      if (currency === '') return '–';
      const digits = amount === 0 || Math.abs(amount) >= 1 ? 2 : 6;
      try {
        return new Intl.NumberFormat(language, {
          ...{ style: 'currency', currency, currencyDisplay: 'narrowSymbol' },
          ...{ minimumFractionDigits: 2, maximumFractionDigits: digits },
        }).format(amount);
      } catch {
        // Any word may be a currency here.
        return `${amount.toFixed(digits)} ${currency}`;
      }
    },
    moment: (ms) => time.format(ms),
    day: (ms) => date.format(ms),
    second: (seconds) => clock.format(seconds * 1000),
  };
}
