import { useState } from 'react';
import { Button, Checkbox, Group, NativeSelect, Paper, Stack, Table, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { useSession } from '../api/session.tsx';
import type { UsageRow } from '../api/shapes.ts';
import { Chart } from '../parts/chart.tsx';
import { useFormat, type Format } from '../parts/format.ts';
import { Loaded, Nothing } from '../parts/page.tsx';
import { amountOf, gather, usagePath, within, type Used } from './usage.ts';
import { daysOf, dimensions, figures, narrowing, type Dimension, type Figure, type View } from './view.ts';

const drawn = 5;

const titles = {
  requests: 'requests',
  errors: 'errors',
  inputTokens: 'input',
  outputTokens: 'output',
  costNano: 'cost',
} as const;

/** What the ledger says was used, day by day. */
export function UsagePanel() {
  const { t } = useTranslation();
  const { api } = useSession();
  const view = useSearch({ from: '/' });
  const days = daysOf(view);
  const path = usagePath(view, days);
  const query = useQuery({
    queryKey: [path],
    queryFn: ({ signal }) => api.get<{ usage: UsageRow[] }>(path, signal),
    refetchInterval: 10_000,
  });
  return (
    <Paper component="section" aria-labelledby="usage-title">
      <Stack gap="sm">
        <Title order={2} id="usage-title">
          {t('usage.title')}
        </Title>
        <Controls view={view} days={days} />
        <Loaded query={query}>{({ usage }) => <Used rows={usage} view={view} days={days} />}</Loaded>
      </Stack>
    </Paper>
  );
}

function useView() {
  const navigate = useNavigate({ from: '/' });
  return (change: View) =>
    void navigate({ search: (before: View) => ({ ...before, ...change }), replace: true });
}

function Controls({ view, days }: { readonly view: View; readonly days: readonly string[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const change = useView();
  const { by = 'team', show = 'costNano', only = {} } = view;
  const isZoomed = view.from !== undefined;
  const spans = [1, 7, 30, 90].map((count) => ({
    value: String(count),
    label: count === 1 ? t('usage.today') : t('usage.days', { count }),
  }));
  const zoom = {
    value: 'zoom',
    label: t('usage.zoomed', {
      from: format.day(Date.parse(days[0]!)),
      to: format.day(Date.parse(days.at(-1)!)),
    }),
  };
  return (
    <Group gap="sm" align="end">
      <NativeSelect
        size="xs"
        label={t('usage.range')}
        data={isZoomed ? [zoom, ...spans] : spans}
        value={isZoomed ? 'zoom' : String(view.days ?? 7)}
        onChange={(event) =>
          change({ days: Number(event.currentTarget.value), from: undefined, to: undefined })
        }
      />
      <NativeSelect
        size="xs"
        label={t('usage.by')}
        data={dimensions.map((value) => ({ value, label: t(`usage.${value}`) }))}
        value={by}
        onChange={(event) => change({ by: event.currentTarget.value as Dimension })}
      />
      <NativeSelect
        size="xs"
        label={t('usage.show')}
        data={figures.map((value) => ({ value, label: t(`usage.${titles[value]}`) }))}
        value={show}
        onChange={(event) => change({ show: event.currentTarget.value as Figure })}
      />
      {isZoomed && (
        <Button size="xs" variant="default" onClick={() => change({ from: undefined, to: undefined })}>
          {t('usage.unzoom')}
        </Button>
      )}
      {Object.entries(only).map(([name, value]) => {
        const word = { name: t(`usage.${name as Dimension}`), value };
        const rest = Object.fromEntries(Object.entries(only).filter(([each]) => each !== name));
        return (
          <Button
            key={name}
            size="xs"
            variant="light"
            aria-label={t('usage.drop', word)}
            onClick={() => change({ only: Object.keys(rest).length ? rest : undefined })}
          >
            {t('usage.only', word)} ✕
          </Button>
        );
      })}
    </Group>
  );
}

interface UsedProps {
  readonly rows: readonly UsageRow[];
  readonly view: View;
  readonly days: readonly string[];
}

function Used({ rows, view, days }: UsedProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const change = useView();
  const [compared, setCompared] = useState<readonly string[]>([]);
  const { by = 'team', show = 'costNano' } = view;
  const members = gather(rows, by, show);
  if (members.length === 0) return <Nothing>{t('usage.empty')}</Nothing>;
  const chosen = members.filter(({ name }) => compared.includes(name));
  const shown = chosen.length === 2 ? chosen : members.slice(0, drawn);
  const currency = rows.find((row) => row.currency !== '')?.currency ?? '';
  const figure = (value: number) =>
    show === 'costNano' ? format.money(value, currency) : format.count(value);
  const textOf = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 10);
  return (
    <>
      <Chart
        label={t('usage.chart', { figure: t(`usage.${titles[show]}`), by: t(`usage.${by}`) })}
        times={days.map((day) => Date.parse(day) / 1000)}
        series={shown.map(({ name, days: of }) => ({
          label: name || t('usage.unnamed'),
          values: days.map((day) => of.get(day) ?? 0),
        }))}
        format={figure}
        formatTime={(seconds) => format.day(seconds * 1000)}
        days
        onZoom={(from, to) => change({ from: textOf(from), to: textOf(to) })}
      />
      <Text size="xs" c="dimmed">
        {members.length > drawn && `${t('usage.rest', { count: drawn })} `}
        {t('usage.zoomHint')}
      </Text>
      <Members
        {...{ members, view, compared, format }}
        onCompare={(name) =>
          setCompared(
            compared.includes(name)
              ? compared.filter((each) => each !== name)
              : [...compared, name].slice(-2),
          )
        }
      />
    </>
  );
}

interface MembersProps {
  readonly members: readonly Used[];
  readonly view: View;
  readonly compared: readonly string[];
  readonly format: Format;
  onCompare(name: string): void;
}

function Members({ members, view, compared, format, onCompare }: MembersProps) {
  const { t } = useTranslation();
  const change = useView();
  const { by = 'team', only = {} } = view;
  const most = Math.max(...members.map(amountOf), 1);
  const isNarrowing = narrowing.some((name) => name === by);
  return (
    <div className="wide" tabIndex={0} role="region" aria-label={t('usage.title')}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('usage.compare')}</Table.Th>
            <Table.Th>{t(`usage.${by}`)}</Table.Th>
            {(['requests', 'errors', 'input', 'output', 'cost'] as const).map((name) => (
              <Table.Th key={name} className="figure">
                {t(`usage.${name}`)}
              </Table.Th>
            ))}
            <Table.Th w={120}>{t('usage.share')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {members.slice(0, 50).map((used) => {
            const name = used.name || t('usage.unnamed');
            return (
              <Table.Tr key={used.name}>
                <Table.Td>
                  <Checkbox
                    size="xs"
                    aria-label={`${t('usage.compare')} ${name}`}
                    checked={compared.includes(used.name)}
                    onChange={() => onCompare(used.name)}
                  />
                </Table.Td>
                <Table.Th scope="row" fw={400}>
                  {isNarrowing && used.name !== '' ? (
                    <Button
                      size="compact-xs"
                      variant="subtle"
                      aria-label={t('usage.drill', { value: name })}
                      onClick={() => change({ by: within[by], only: { ...only, [by]: used.name } })}
                    >
                      {name}
                    </Button>
                  ) : (
                    name
                  )}
                </Table.Th>
                <Table.Td className="figure">{format.count(used.requests)}</Table.Td>
                <Table.Td className={used.errors > 0 ? 'figure bad' : 'figure'}>
                  {format.count(used.errors)}
                </Table.Td>
                <Table.Td className="figure">{format.count(used.inputTokens)}</Table.Td>
                <Table.Td className="figure">{format.count(used.outputTokens)}</Table.Td>
                <Table.Td className="figure">
                  {Object.entries(used.cost)
                    .map(([currency, nano]) => format.money(nano.toString(), currency))
                    .join(' + ')}
                </Table.Td>
                <Table.Td>
                  <span className="bar" style={{ width: `${(100 * amountOf(used)) / most}%` }} />
                </Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </div>
  );
}
