import { Anchor, AppShell, Badge, Burger, Button, Group, Image, NavLink, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useLocation } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { useSession } from '../api/session.tsx';
import type { Status } from '../api/shapes.ts';
import mark from '../mark.svg';
import { Nothing, Page } from '../parts/page.tsx';
import { places } from './places.ts';
import { Preferences } from './preferences.tsx';

/** What is around every page. Whoever may not see a page is not led there. */
export function Shell() {
  const { t } = useTranslation();
  const { identity, may, signOut } = useSession();
  const [isOpen, { toggle, close }] = useDisclosure();
  const { pathname } = useLocation();
  return (
    <>
      <a className="skip" href="#content">
        {t('skip')}
      </a>
      <AppShell
        header={{ height: 48 }}
        navbar={{ width: 200, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
        padding="md"
      >
        <AppShell.Header>
          <Group h="100%" px="md" justify="space-between" wrap="nowrap">
            <Group gap="xs" wrap="nowrap">
              <Burger opened={isOpen} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={t('nav.open')} />
              <Image src={mark} w={24} h={24} alt="" />
              <Text fw={600}>Sluice</Text>
              <Readiness />
            </Group>
            <Group gap="xs" wrap="nowrap" visibleFrom="sm">
              <Preferences />
            </Group>
          </Group>
        </AppShell.Header>
        <AppShell.Navbar p="xs" aria-label={t('nav.label')}>
          <Stack justify="space-between" h="100%">
            <div>
              {places
                .filter(({ permission }) => may(permission))
                .map(({ name, to }) => {
                  const isHere = to === '/' ? pathname === '/' : pathname.startsWith(to);
                  return (
                    <NavLink
                      key={name}
                      component={Link}
                      to={to}
                      label={t(`nav.${name}`)}
                      active={isHere}
                      aria-current={isHere ? 'page' : undefined}
                      onClick={close}
                    />
                  );
                })}
            </div>
            <Stack gap="xs" p="xs">
              <Group gap="xs" hiddenFrom="sm">
                <Preferences />
              </Group>
              <Text size="xs" c="dimmed">
                {t('signIn.as', { name: identity.name })}
                <br />
                {identity.roles
                  .map(({ role, team }) => `${role} (${team ?? t('signIn.everywhere')})`)
                  .join(', ')}
              </Text>
              <Button size="xs" variant="default" onClick={signOut}>
                {t('signIn.out')}
              </Button>
            </Stack>
          </Stack>
        </AppShell.Navbar>
        <AppShell.Main id="content" tabIndex={-1}>
          <Outlet />
        </AppShell.Main>
      </AppShell>
    </>
  );
}

function Readiness() {
  const { t } = useTranslation();
  const { api } = useSession();
  const { data } = useQuery({
    queryKey: ['status'],
    queryFn: ({ signal }) => api.get<Status>('/v1/status', signal),
    refetchInterval: 10_000,
  });
  if (!data) return null;
  return (
    <Badge
      variant="outline"
      color={data.ready ? 'water' : 'red'}
      title={[...data.reasons, data.configuration.refused?.reason].filter(Boolean).join('; ')}
      radius="sm"
    >
      {t(data.ready ? 'state.ready' : 'state.notReady')}
    </Badge>
  );
}

export function Missing() {
  const { t } = useTranslation();
  return (
    <Page title={t('state.missing')}>
      <Nothing>
        <Anchor component={Link} to="/">
          {t('nav.overview')}
        </Anchor>
      </Nothing>
    </Page>
  );
}
