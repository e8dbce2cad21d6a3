import { useState } from 'react';
import { Anchor, Button, Group, NativeSelect, Paper, Switch, Table, Text, TextInput } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { useSession } from '../api/session.tsx';
import type { ReceiptSummary } from '../api/shapes.ts';
import { useFormat } from '../parts/format.ts';
import { Failure, Nothing, Page } from '../parts/page.tsx';
import { outcomes, readFilters, type Filters } from './filters.ts';
import { Outcome } from './outcome.tsx';

interface Found {
  readonly receipts: readonly ReceiptSummary[];
  readonly next?: string;
}

const everyMs = 2_000;

/** The latest on the books first, as they come or as they are looked for. */
export function Exchanges() {
  const { t } = useTranslation();
  const { api } = useSession();
  const filters = useSearch({ from: '/exchanges' });
  const [isLive, setIsLive] = useState(true);
  const query = useInfiniteQuery({
    queryKey: ['receipts', filters],
    initialPageParam: '',
    queryFn({ pageParam, signal }) {
      const asked = new URLSearchParams({
        ...filters,
        limit: '100',
        ...(pageParam ? { cursor: pageParam } : {}),
      });
      return api.get<Found>(`/v1/receipts?${asked.toString()}`, signal);
    },
    getNextPageParam: ({ next }) => next,
    // Whoever looks at older ones does not want them to move away.
    refetchInterval: ({ state }) => (isLive && (state.data?.pages.length ?? 0) <= 1 ? everyMs : false),
  });
  const { data, error, hasNextPage, isFetchingNextPage } = query;
  const receipts = data?.pages.flatMap((page) => page.receipts) ?? [];
  return (
    <Page
      title={t('exchanges.title')}
      aside={
        <Switch
          size="sm"
          label={t('exchanges.live')}
          checked={isLive}
          onChange={(event) => setIsLive(event.currentTarget.checked)}
        />
      }
    >
      <Search key={JSON.stringify(filters)} filters={filters} />
      <Paper p={0}>
        {error && <Failure error={error} retry={() => void query.refetch()} />}
        {data && receipts.length === 0 && (
          <Nothing>
            <Text px="md">{t(hasNextPage ? 'exchanges.emptyYet' : 'exchanges.empty')}</Text>
          </Nothing>
        )}
        {receipts.length > 0 && <Rows receipts={receipts} />}
      </Paper>
      {data && (
        <Group>
          {hasNextPage ? (
            <Button
              variant="default"
              size="xs"
              loading={isFetchingNextPage}
              onClick={() => void query.fetchNextPage()}
            >
              {t('exchanges.older')}
            </Button>
          ) : (
            <Text size="xs" c="dimmed">
              {t('exchanges.end')}
            </Text>
          )}
        </Group>
      )}
    </Page>
  );
}

const words = ['project', 'model', 'route', 'key', 'trace'] as const;

function Search({ filters }: { readonly filters: Filters }) {
  const { t } = useTranslation();
  const navigate = useNavigate({ from: '/exchanges' });
  const [wish, setWish] = useState<Filters>(filters);
  const [id, setId] = useState('');
  const set = (change: Filters) => setWish({ ...wish, ...change });
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        if (id.trim() !== '') void navigate({ to: '/exchanges/$id', params: { id: id.trim() } });
        else void navigate({ search: readFilters(wish) });
      }}
    >
      <Group gap="sm" align="end">
        {words.map((name) => (
          <TextInput
            key={name}
            size="xs"
            w={name === 'trace' ? 160 : 120}
            label={t(`exchanges.${name}`)}
            value={wish[name] ?? ''}
            onChange={(event) => set({ [name]: event.currentTarget.value })}
          />
        ))}
        <NativeSelect
          size="xs"
          label={t('exchanges.outcome')}
          value={wish.outcome ?? ''}
          onChange={(event) => set({ outcome: event.currentTarget.value })}
          data={[
            { value: '', label: t('exchanges.any') },
            ...outcomes.map((value) => ({ value, label: t(`outcome.${value}`) })),
          ]}
        />
        <TextInput
          size="xs"
          label={t('exchanges.byId')}
          value={id}
          onChange={(event) => setId(event.currentTarget.value)}
        />
        <Button size="xs" type="submit">
          {t('exchanges.search')}
        </Button>
      </Group>
    </form>
  );
}

function Rows({ receipts }: { readonly receipts: readonly ReceiptSummary[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const heads = [
    'when',
    'outcome',
    'route',
    'model',
    'project',
    'duration',
    'first',
    'tokens',
    'cost',
  ] as const;
  const isFigure = (name: string) => ['duration', 'first', 'tokens', 'cost'].includes(name);
  return (
    <div className="wide" tabIndex={0} role="region" aria-label={t('exchanges.title')}>
      <Table highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            {heads.map((name) => (
              <Table.Th key={name} className={isFigure(name) ? 'figure' : undefined}>
                {t(`exchanges.${name}`)}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {receipts.map((receipt) => (
            <Table.Tr key={receipt.id}>
              <Table.Td>
                <Anchor component={Link} to="/exchanges/$id" params={{ id: receipt.id } as never} size="sm">
                  {format.moment(receipt.admittedAtMs)}
                </Anchor>
              </Table.Td>
              <Table.Td>
                <Outcome outcome={receipt.outcome} status={receipt.status} />
              </Table.Td>
              <Table.Td>{receipt.route}</Table.Td>
              <Table.Td>
                {receipt.model}
                {receipt.attempts > 1 && ` (${receipt.attempts}×)`}
              </Table.Td>
              <Table.Td>{receipt.project}</Table.Td>
              <Table.Td className="figure">
                {format.duration(receipt.settledAtMs - receipt.admittedAtMs)}
              </Table.Td>
              <Table.Td className="figure">
                {format.duration(
                  receipt.firstContentAtMs === null ? null : receipt.firstContentAtMs - receipt.admittedAtMs,
                )}
              </Table.Td>
              <Table.Td className="figure">
                {format.count(receipt.inputTokens)} / {format.count(receipt.outputTokens)}
              </Table.Td>
              <Table.Td className="figure">
                {Object.entries(receipt.costNano)
                  .map(([currency, nano]) => format.money(nano, currency))
                  .join(' + ')}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}
