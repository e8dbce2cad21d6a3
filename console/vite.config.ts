import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** `SLUICE_ADMIN`: where the admin API is while the console is worked on (`npx vite`). */
// oxlint-disable-next-line no-default-export -- Vite asks for one
export default defineConfig({
  base: '/console/',
  plugins: [react()],
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  server: {
    host: '127.0.0.1',
    proxy: { '/v1': process.env['SLUICE_ADMIN'] ?? 'http://127.0.0.1:9080' },
  },
});
