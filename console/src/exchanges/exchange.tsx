import { Anchor, Badge, Button, CopyButton, Group, Paper, Stack, Table, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useSession } from '../api/session.tsx';
import type { AuditRecord, Receipt } from '../api/shapes.ts';
import { useFormat } from '../parts/format.ts';
import { Loaded, Nothing, Page } from '../parts/page.tsx';
import { Bill } from './bill.tsx';
import { Outcome } from './outcome.tsx';
import { Waterfall } from './waterfall.tsx';

/** One exchange as a story: what was asked, what was tried, what it used and cost, what the audit log has of it. */
export function Exchange() {
  const { t } = useTranslation();
  const { api, may } = useSession();
  const { id } = useParams({ from: '/exchanges/$id' });
  const query = useQuery({
    queryKey: ['receipt', id],
    queryFn: ({ signal }) => api.get<Receipt>(`/v1/receipts/${encodeURIComponent(id)}`, signal),
  });
  const curl = `curl -H "authorization: Bearer $SLUICE_TOKEN" '${location.origin}/v1/receipts/${id}'`;
  return (
    <Page
      title={t('exchange.title', { id })}
      aside={
        <Group gap="sm">
          <Anchor component={Link} to="/exchanges" size="sm">
            {t('exchange.back')}
          </Anchor>
          <CopyButton value={curl}>
            {({ copied, copy }) => (
              <Button size="xs" variant="default" onClick={copy} title={t('exchange.copyHint')}>
                {t(copied ? 'exchange.copied' : 'exchange.copy')}
              </Button>
            )}
          </CopyButton>
        </Group>
      }
    >
      <Loaded query={query}>
        {(receipt) => (
          <>
            <Part title={t('exchange.summary')}>
              <Summary receipt={receipt} />
            </Part>
            <Part title={t('exchange.attempts')}>
              {receipt.attempts.length === 0 ? (
                <Nothing>{t('exchange.noAttempts')}</Nothing>
              ) : (
                <Waterfall receipt={receipt} />
              )}
            </Part>
            {receipt.attempts.some(({ lines }) => lines.length > 0) && (
              <Part title={t('exchange.bill')}>
                <Bill attempts={receipt.attempts} />
              </Part>
            )}
            {may('audit.read') && (
              <Part title={t('exchange.records')}>
                <Records id={id} />
              </Part>
            )}
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Part({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <Paper component="section" aria-label={title}>
      <Stack gap="sm">
        <Title order={2}>{title}</Title>
        {children}
      </Stack>
    </Paper>
  );
}

function Summary({ receipt }: { readonly receipt: Receipt }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { subjects, notes = {}, flags = [], dropped } = receipt;
  const rows: [string, ReactNode][] = [
    [t('exchanges.outcome'), <Outcome key="o" outcome={receipt.outcome} status={receipt.status} />],
    [t('exchange.fault'), receipt.fault],
    [t('exchange.started'), format.moment(receipt.admittedAtMs)],
    [t('exchange.took'), format.duration(receipt.settledAtMs - receipt.admittedAtMs)],
    [
      t('exchanges.first'),
      receipt.firstContentAtMs === null
        ? null
        : t('exchange.firstContent', {
            after: format.duration(receipt.firstContentAtMs - receipt.admittedAtMs),
          }),
    ],
    [t('exchange.queued'), receipt.queuedMs === undefined ? null : format.duration(receipt.queuedMs)],
    [t('exchanges.route'), receipt.route],
    [t('exchange.dialect'), receipt.dialect],
    [t('exchange.asked'), receipt.requestedModel],
    [t('keys.team'), subjects.team],
    [t('exchanges.project'), subjects.project],
    [t('exchanges.key'), subjects.key],
    [t('exchange.service'), subjects.service],
    [
      t('exchange.trace'),
      receipt.traceId && (
        <Anchor component={Link} to="/exchanges" search={{ trace: receipt.traceId } as never} size="sm">
          {receipt.traceId}
        </Anchor>
      ),
    ],
    [t('exchange.bytes'), `${format.count(receipt.requestBytes)} / ${format.count(receipt.responseBytes)}`],
    [t('exchange.flags'), flags.join(', ')],
    [t('exchange.dropped'), dropped.join(', ')],
    ...Object.entries(notes).map(([name, value]): [string, ReactNode] => [
      `${t('exchange.notes')}: ${name}`,
      String(value),
    ]),
  ];
  return (
    <Table withRowBorders={false} layout="auto">
      <Table.Tbody>
        {rows
          .filter(([, value]) => value !== null && value !== undefined && value !== '')
          .map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Th scope="row" w={220} c="dimmed" fw={400}>
                {name}
              </Table.Th>
              <Table.Td>{value}</Table.Td>
            </Table.Tr>
          ))}
      </Table.Tbody>
    </Table>
  );
}

function Records({ id }: { readonly id: string }) {
  const { t } = useTranslation();
  const { api } = useSession();
  const query = useQuery({
    queryKey: ['audit', 'exchange', id],
    queryFn: ({ signal }) =>
      api.get<{ records: AuditRecord[] }>(`/v1/audit?exchange=${encodeURIComponent(id)}`, signal),
  });
  return (
    <Loaded query={query}>
      {({ records }) =>
        records.length === 0 ? (
          <Nothing>{t('exchange.noRecords')}</Nothing>
        ) : (
          records.map((record) => (
            <Stack key={record.sequence} gap={4}>
              <Group gap="xs">
                <Badge variant="outline" radius="sm" tt="none">
                  {record.kind}
                </Badge>
                <Text size="xs" c="dimmed">
                  {record.at}
                </Text>
              </Group>
              <pre className="code" tabIndex={0} aria-label={record.kind}>
                {JSON.stringify(record, null, 2)}
              </pre>
            </Stack>
          ))
        )
      }
    </Loaded>
  );
}
