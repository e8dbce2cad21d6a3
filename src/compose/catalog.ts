export { catalog } from '#providers/catalog/index.ts';
