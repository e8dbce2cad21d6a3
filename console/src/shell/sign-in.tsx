import { useEffect, useState, type FormEvent } from 'react';
import { Alert, Button, Center, Group, Paper, PasswordInput, Stack, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { ApiError, type Api } from '../api/client.ts';
import { Preferences } from './preferences.tsx';

interface Props {
  readonly api: Api;
  signIn(token: string): Promise<void>;
}

export function SignIn({ api, signIn }: Props) {
  const { t } = useTranslation();
  const [token, setToken] = useState('');
  const [refusal, setRefusal] = useState<string | null>(null);
  const [hasProvider, setHasProvider] = useState(false);

  useEffect(() => {
    document.title = `${t('signIn.title')} · Sluice`;
  }, [t]);
  useEffect(() => {
    api.get<{ openId: boolean }>('/v1/session/options').then(
      ({ openId }) => setHasProvider(openId),
      // Then there is a token to sign in by.
      () => setHasProvider(false),
    );
  }, [api]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn(token.trim()).catch((error: Error) =>
      setRefusal(error instanceof ApiError && error.status === 401 ? t('signIn.wrong') : error.message),
    );
  };
  const returnTo = encodeURIComponent(location.pathname + location.search);
  return (
    <Center component="main" mih="100vh" p="md">
      <Paper w="100%" maw={400} p="lg">
        <form onSubmit={submit}>
          <Stack>
            <Title order={1}>{t('signIn.title')}</Title>
            {hasProvider && (
              <Button component="a" href={`/v1/session/sign-in?returnTo=${returnTo}`}>
                {t('signIn.provider')}
              </Button>
            )}
            <PasswordInput
              label={t('signIn.token')}
              description={t('signIn.hint')}
              value={token}
              autoComplete="current-password"
              required
              withAsterisk={false}
              visibilityToggleButtonProps={{ 'aria-label': t('signIn.token') }}
              onChange={(event) => setToken(event.currentTarget.value)}
            />
            {refusal && (
              <Alert color="red" variant="outline" role="alert">
                {refusal}
              </Alert>
            )}
            <Button type="submit" variant={hasProvider ? 'default' : 'filled'}>
              {t('signIn.submit')}
            </Button>
            <Group gap="xs">
              <Preferences />
            </Group>
          </Stack>
        </form>
      </Paper>
    </Center>
  );
}
