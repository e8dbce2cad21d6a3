export { createPoolControl } from './control.ts';
export { createPoolMemory, PoolMemory } from './memory.ts';
export { Pool } from './pool.ts';
