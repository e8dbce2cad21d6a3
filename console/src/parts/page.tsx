import { useEffect, useRef, type ReactNode } from 'react';
import { Alert, Button, Group, Stack, Text, Title } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { ApiError } from '../api/client.ts';

interface PageProps {
  readonly title: string;
  readonly aside?: ReactNode;
  readonly children: ReactNode;
}

/** Says where one is: to the browser's tab, and to a screen reader by taking the focus when one came from another page. */
export function Page({ title, aside, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Sluice`;
  }, [title]);
  useEffect(() => {
    if (document.body.dataset['visited']) heading.current?.focus();
    document.body.dataset['visited'] = 'yes';
  }, []);
  return (
    <Stack gap="md">
      <Group justify="space-between" gap="sm">
        <Title order={1} tabIndex={-1} ref={heading}>
          {title}
        </Title>
        {aside}
      </Group>
      {children}
    </Stack>
  );
}

interface LoadedProps<T> {
  readonly query: UseQueryResult<T>;
  readonly children: (data: T) => ReactNode;
}

/** What was asked for, or why it is not there. */
export function Loaded<T>({ query, children }: LoadedProps<T>) {
  const { t } = useTranslation();
  const { data, error } = query;
  if (data !== undefined && !error) return children(data);
  if (error) return <Failure error={error} retry={() => void query.refetch()} />;
  return (
    <Text c="dimmed" role="status">
      {t('state.loading')}
    </Text>
  );
}

interface FailureProps {
  readonly error: Error;
  readonly retry?: () => void;
}

export function Failure({ error, retry }: FailureProps) {
  const { t } = useTranslation();
  const isForbidden = error instanceof ApiError && error.status === 403;
  return (
    <Alert
      variant="outline"
      color="red"
      title={t(isForbidden ? 'state.forbidden' : 'state.failed')}
      role="alert"
    >
      <Text size="sm">{error.message}</Text>
      {retry && !isForbidden && (
        <Button size="xs" variant="default" mt="xs" onClick={retry}>
          {t('state.retry')}
        </Button>
      )}
    </Alert>
  );
}

export function Nothing({ children }: { readonly children: ReactNode }) {
  return (
    <Text c="dimmed" py="md">
      {children}
    </Text>
  );
}
