import { useState } from 'react';
import { Button, Group, NativeSelect, Paper, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Chart } from '../parts/chart.tsx';
import { useFormat, type Format } from '../parts/format.ts';
import { Nothing } from '../parts/page.tsx';
import { ratesBy, ratesOf, type LiveGroup, type Rates } from './rates.ts';
import { useLive } from './use-live.ts';

const groups = ['route', 'target', 'project', 'team'] as const;

export function LivePanel() {
  const { t } = useTranslation();
  const format = useFormat();
  const [isPaused, setIsPaused] = useState(false);
  const [group, setGroup] = useState<LiveGroup>('route');
  const { seconds, broken } = useLive(isPaused);
  const last = seconds.at(-1);
  const each = seconds.map((second) => ratesOf([second]));
  return (
    <Paper component="section" aria-labelledby="live-title">
      <Stack gap="sm">
        <Group justify="space-between">
          <Title order={2} id="live-title">
            {t('live.title')}
          </Title>
          <Button size="xs" variant="default" onClick={() => setIsPaused(!isPaused)}>
            {t(isPaused ? 'live.resume' : 'live.pause')}
          </Button>
        </Group>
        {broken && (
          <Text className="bad" role="alert">
            {t('live.broken')} {broken.message}
          </Text>
        )}
        {!last ? (
          <Text c="dimmed" role="status">
            {t('live.waiting')}
          </Text>
        ) : (
          <>
            <Tiles rates={ratesOf(seconds.slice(-10))} streams={last.openStreams} />
            <Chart
              label={t('live.chart')}
              times={seconds.map(({ atMs }) => atMs / 1000)}
              series={[
                { label: t('live.requests'), values: each.map(({ perSecond }) => perSecond) },
                { label: t('live.failures'), values: each.map(({ failedPerSecond }) => failedPerSecond) },
              ]}
              format={format.rate}
              formatTime={format.second}
            />
            <Group justify="space-between">
              <Title order={3}>{t('live.lastMinute')}</Title>
              <NativeSelect
                size="xs"
                aria-label={t('live.by')}
                value={group}
                onChange={(event) => setGroup(event.currentTarget.value as LiveGroup)}
                data={groups.map((value) => ({ value, label: t(`live.${value}`) }))}
              />
            </Group>
            <Breakdown group={group} rows={ratesBy(group, seconds.slice(-60))} />
          </>
        )}
      </Stack>
    </Paper>
  );
}

function Tiles({ rates, streams }: { readonly rates: Rates; readonly streams: number }) {
  const { t } = useTranslation();
  const format = useFormat();
  const part = (count: number) => format.percent(rates.perSecond > 0 ? count / rates.perSecond : 0);
  const tiles = [
    ['requests', format.rate(rates.perSecond)],
    ['failed', part(rates.failedPerSecond)],
    ['refused', part(rates.refusedPerSecond)],
    ['p50', format.duration(rates.p50Ms)],
    ['p95', format.duration(rates.p95Ms)],
    ['streams', format.count(streams)],
    ['tokens', format.rate(rates.tokensPerSecond)],
    ['cost', moneyOf(rates, format)],
  ] as const;
  return (
    <SimpleGrid component="dl" cols={{ base: 2, sm: 4, lg: 8 }} m={0} spacing="sm">
      {tiles.map(([name, value]) => (
        <div key={name}>
          <Text component="dt" size="xs" c="dimmed">
            {t(`live.${name}`)}
          </Text>
          <dd className="number" style={{ margin: 0 }} data-figure={name}>
            {value}
          </dd>
        </div>
      ))}
    </SimpleGrid>
  );
}

const moneyOf = ({ costPerHour }: Rates, format: Format): string =>
  Object.entries(costPerHour)
    .map(([currency, nano]) => format.money(nano, currency))
    .join(' + ') || '–';

function Breakdown({ group, rows }: { readonly group: LiveGroup; readonly rows: readonly Rates[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (rows.length === 0) return <Nothing>{t('live.none')}</Nothing>;
  // Of projects and teams threads count tokens and money, not requests.
  const hasRequests = group === 'route' || group === 'target';
  return (
    <div className="wide" tabIndex={0} role="region" aria-label={t('live.lastMinute')}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t(`live.${group}`)}</Table.Th>
            {hasRequests &&
              (['requests', 'failures', 'p50', 'p95'] as const).map((name) => (
                <Table.Th key={name} className="figure">
                  {t(`live.${name}`)}
                </Table.Th>
              ))}
            {group !== 'route' &&
              (['tokens', 'cost'] as const).map((name) => (
                <Table.Th key={name} className="figure">
                  {t(`live.${name}`)}
                </Table.Th>
              ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.slice(0, 20).map((row) => (
            <Table.Tr key={row.name}>
              <Table.Th scope="row" fw={400}>
                {row.name || t('usage.unnamed')}
              </Table.Th>
              {hasRequests && (
                <>
                  <Table.Td className="figure">{format.rate(row.perSecond)}</Table.Td>
                  <Table.Td className={row.failedPerSecond > 0 ? 'figure bad' : 'figure'}>
                    {format.rate(row.failedPerSecond)}
                  </Table.Td>
                  <Table.Td className="figure">{format.duration(row.p50Ms)}</Table.Td>
                  <Table.Td className="figure">{format.duration(row.p95Ms)}</Table.Td>
                </>
              )}
              {group !== 'route' && (
                <>
                  <Table.Td className="figure">{format.rate(row.tokensPerSecond)}</Table.Td>
                  <Table.Td className="figure">{moneyOf(row, format)}</Table.Td>
                </>
              )}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}
