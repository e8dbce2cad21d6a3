import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { readFilters as readExchangeFilters } from './exchanges/filters.ts';
import { readView } from './overview/view.ts';
import { Missing, Shell } from './shell/shell.tsx';

const root = createRootRoute({ component: Shell, notFoundComponent: Missing });

const overview = createRoute({
  getParentRoute: () => root,
  path: '/',
  validateSearch: readView,
  component: lazyRouteComponent(() => import('./overview/overview.tsx'), 'Overview'),
});
const exchanges = createRoute({
  getParentRoute: () => root,
  path: '/exchanges',
  validateSearch: readExchangeFilters,
  component: lazyRouteComponent(() => import('./exchanges/exchanges.tsx'), 'Exchanges'),
});
const exchange = createRoute({
  getParentRoute: () => root,
  path: '/exchanges/$id',
  component: lazyRouteComponent(() => import('./exchanges/exchange.tsx'), 'Exchange'),
});

export const router = createRouter({
  routeTree: root.addChildren([overview, exchanges, exchange]),
  basepath: '/console',
  defaultPreload: 'intent',
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
