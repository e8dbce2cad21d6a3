import { NativeSelect, useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { languages } from '../language/index.ts';

/** Language and theme, which a browser remembers. */
export function Preferences() {
  const { t, i18n } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <>
      <NativeSelect
        size="xs"
        aria-label={t('language')}
        data={[...languages]}
        value={i18n.language}
        onChange={(event) => void i18n.changeLanguage(event.currentTarget.value)}
      />
      <NativeSelect
        size="xs"
        aria-label={t('theme.label')}
        data={(['auto', 'light', 'dark'] as const).map((value) => ({ value, label: t(`theme.${value}`) }))}
        value={colorScheme}
        onChange={(event) => setColorScheme(event.currentTarget.value as MantineColorScheme)}
      />
    </>
  );
}
