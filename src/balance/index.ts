export { createPoolControl } from './control.ts';
export { createPoolMemory, PoolMemory } from './memory.ts';
export { paceGroup, paceId, TargetPace } from './pace.ts';
export { Pool } from './pool.ts';
