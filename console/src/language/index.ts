import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { en, type Messages } from './en.ts';
import { zh } from './zh.ts';

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: Messages };
  }
}

export const languages = [
  { value: 'en', label: 'English' },
  { value: 'zh', label: '中文' },
] as const;

const remembered = 'sluice-language';

/** What was chosen here before; else what the browser asks for. */
function firstLanguage(): string {
  const chosen = localStorage.getItem(remembered) ?? navigator.language.slice(0, 2);
  return languages.some(({ value }) => value === chosen) ? chosen : 'en';
}

export function startLanguage(): void {
  void i18next.use(initReactI18next).init({
    resources: { en: { translation: en }, zh: { translation: zh } },
    lng: firstLanguage(),
    fallbackLng: 'en',
    interpolation: { escapeValue: false },
    initAsync: false,
  });
  const tell = (language: string) => {
    // Screen readers choose their voice by it, browsers the shapes of characters.
    document.documentElement.lang = language === 'zh' ? 'zh-Hans' : language;
  };
  tell(i18next.language);
  i18next.on('languageChanged', (language) => {
    tell(language);
    localStorage.setItem(remembered, language);
  });
}
