// `npm run migrations`: the SQL in migrations/ follows adapters/schema.ts. Applied by `wrangler d1 migrations apply`.
import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'sqlite',
  schema: './adapters/schema.ts',
  out: './migrations',
});
