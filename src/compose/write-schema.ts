/** `node --conditions=source src/compose/write-schema.ts`: writes sluice.schema.json, with the policies there are. */
import { fileURLToPath } from 'node:url';
import { writeSchema } from '#config/write-schema.ts';
import { policySchemas } from '#policies/schemas.ts';

writeSchema(fileURLToPath(new URL('../../sluice.schema.json', import.meta.url)), policySchemas);
