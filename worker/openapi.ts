// GET /openapi.json, for now with no paths.
import { Hono } from 'hono';
import type { DoorEnv } from './door-env.ts';

export const openApiRoutes = new Hono<DoorEnv>();
