import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

/** Of deep water: calm enough for a page that is open all day. */
const water: MantineColorsTuple = [
  '#eef6fb',
  '#d9eaf5',
  '#b3d5ea',
  '#86bddd',
  '#5ba4cf',
  '#3b8cbc',
  '#26749f',
  '#1b5f85',
  '#154d6c',
  '#0f3a52',
];

/** Lines and letters on white and on black: 4.5 to 1 and more. */
const red: MantineColorsTuple = [
  '#fdf0ef',
  '#fbdcd9',
  '#ffbbb5',
  '#ff9a91',
  '#ee6f64',
  '#dc4a3e',
  '#c5362b',
  '#b3261e',
  '#931d17',
  '#6f1511',
];

export const theme = createTheme({
  primaryColor: 'water',
  primaryShade: { light: 7, dark: 7 },
  colors: { water, red },
  defaultRadius: 'sm',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans SC", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace',
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.25rem' },
  headings: {
    fontWeight: '600',
    sizes: { h1: { fontSize: '1.25rem' }, h2: { fontSize: '1rem' }, h3: { fontSize: '0.875rem' } },
  },
  cursorType: 'pointer',
  components: {
    Table: { defaultProps: { verticalSpacing: 4, horizontalSpacing: 'sm', fz: 'sm' } },
    Paper: { defaultProps: { withBorder: true, p: 'md' } },
  },
});

/** Text that stands back still has the contrast that WCAG asks for (4.5 to 1), on panels and on the page behind them. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#565e68',
    '--mantine-color-body': '#ffffff',
    '--page': '#f6f8f9',
    '--bad': '#b3261e',
    '--bar': '#b3d5ea',
  },
  dark: {
    '--mantine-color-dimmed': '#a9b2bb',
    '--mantine-color-body': '#181c20',
    '--mantine-color-anchor': '#86bddd',
    '--page': '#121518',
    '--bad': '#ff9a91',
    '--bar': '#154d6c',
  },
});

/**
 * Lines are told apart by colour, and by dash for whoever sees no difference. Okabe and Ito's palette, darkened for white
 * and lightened for black to 3 to 1 or more. https://jfly.uni-koeln.de/color/
 */
export const lines = {
  light: ['#0072b2', '#b34e00', '#007a5a', '#9c4a7d', '#5f5f5f', '#7a6a00'],
  dark: ['#56b4e9', '#e69f00', '#2ec79b', '#e08fc0', '#c8c8c8', '#f0e442'],
} as const;
export const dashes: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [10, 3, 2, 3], [1, 2], [12, 4]];
