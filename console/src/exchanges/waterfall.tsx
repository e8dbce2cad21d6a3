import { Group, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Receipt } from '../api/shapes.ts';
import { useFormat } from '../parts/format.ts';

/** When each attempt ran, within the whole. */
export function Waterfall({ receipt }: { readonly receipt: Receipt }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { attempts, admittedAtMs, settledAtMs, firstContentAtMs } = receipt;
  const whole = Math.max(1, settledAtMs - admittedAtMs);
  const at = (ms: number) => (1000 * Math.min(whole, Math.max(0, ms - admittedAtMs))) / whole;
  return (
    <Stack gap="sm">
      {attempts.map((attempt) => (
        <div key={attempt.number}>
          <Group justify="space-between" gap="xs">
            <Text size="sm">
              {attempt.number}. {attempt.provider}
              {attempt.model && `/${attempt.model}`}
            </Text>
            <Text size="sm" className={attempt.fault === null && attempt.status < 400 ? undefined : 'bad'}>
              {attempt.fault ?? (attempt.status > 0 ? attempt.status : '')} ·{' '}
              {format.duration(attempt.endedAtMs - attempt.startedAtMs)}
            </Text>
          </Group>
          <svg
            className="waterfall"
            viewBox="0 0 1000 20"
            preserveAspectRatio="none"
            role="img"
            aria-label={t('exchange.waterfall', {
              number: attempt.number,
              from: format.duration(attempt.startedAtMs - admittedAtMs),
              to: format.duration(attempt.endedAtMs - admittedAtMs),
              whole: format.duration(whole),
            })}
          >
            <line x1="0" y1="10" x2="1000" y2="10" stroke="currentColor" strokeOpacity="0.2" />
            <rect
              className="span"
              x={at(attempt.startedAtMs)}
              y="3"
              width={Math.max(4, at(attempt.endedAtMs) - at(attempt.startedAtMs))}
              height="14"
            />
            {firstContentAtMs !== null && attempt === attempts.at(-1) && (
              <line
                x1={at(firstContentAtMs)}
                x2={at(firstContentAtMs)}
                y1="0"
                y2="20"
                stroke="currentColor"
                strokeWidth="2"
                vectorEffect="non-scaling-stroke"
              />
            )}
          </svg>
          <Text size="xs" c="dimmed">
            {[attempt.upstreamId && `${t('exchange.upstreamId')} ${attempt.upstreamId}`, ...attempt.flags]
              .filter(Boolean)
              .join(' · ')}
          </Text>
        </div>
      ))}
    </Stack>
  );
}
