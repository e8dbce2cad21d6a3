import { Table } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Attempt } from '../api/shapes.ts';
import { useFormat } from '../parts/format.ts';

/** What each attempt used, line by line: the lines are disjoint, and sum to what it cost. */
export function Bill({ attempts }: { readonly attempts: readonly Attempt[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const billed = attempts.filter(({ lines }) => lines.length > 0);
  const totals = new Map<string, bigint>();
  for (const { currency, lines } of billed)
    for (const { costNano } of lines) totals.set(currency, (totals.get(currency) ?? 0n) + BigInt(costNano));
  return (
    <div className="wide" tabIndex={0} role="region" aria-label={t('exchange.bill')}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('exchange.line')}</Table.Th>
            <Table.Th>{t('exchange.source')}</Table.Th>
            <Table.Th>{t('exchange.price')}</Table.Th>
            <Table.Th className="figure">{t('exchange.count')}</Table.Th>
            <Table.Th className="figure">{t('exchange.amount')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {billed.flatMap((attempt) =>
            attempt.lines.map(({ line, costNano }, i) => (
              <Table.Tr key={`${attempt.number}-${i}`}>
                <Table.Td>
                  {attempt.number}. {nameOf(line)}
                </Table.Td>
                <Table.Td>{attempt.usageSource}</Table.Td>
                <Table.Td>{attempt.priceVersion ?? t('exchange.unpriced')}</Table.Td>
                <Table.Td className="figure">{format.count(line.count)}</Table.Td>
                <Table.Td className="figure">{format.money(costNano, attempt.currency)}</Table.Td>
              </Table.Tr>
            )),
          )}
        </Table.Tbody>
        <Table.Tfoot>
          {[...totals].map(([currency, nano]) => (
            <Table.Tr key={currency}>
              <Table.Th colSpan={4}>{t('exchange.total')}</Table.Th>
              <Table.Th className="figure">{format.money(nano.toString(), currency)}</Table.Th>
            </Table.Tr>
          ))}
        </Table.Tfoot>
      </Table>
    </div>
  );
}

/** In the words of receipts: `input text`, `input text, cache read`, `output text, reasoning`. */
function nameOf({ direction, modality, cache, kind }: Attempt['lines'][number]['line']): string {
  const more = [...(cache === 'none' ? [] : [`cache ${cache}`]), ...(kind === 'plain' ? [] : [kind])];
  return [`${direction} ${modality}`, ...more].join(', ');
}
