import { Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useSession } from '../api/session.tsx';
import { Page } from '../parts/page.tsx';
import { LivePanel } from './live-panel.tsx';
import { UsagePanel } from './usage-panel.tsx';

export function Overview() {
  const { t } = useTranslation();
  const { may } = useSession();
  return (
    <Page title={t('nav.overview')}>
      {may('traffic.read') ? <LivePanel /> : <Text c="dimmed">{t('live.notYours')}</Text>}
      <UsagePanel />
    </Page>
  );
}
