// What every route of the door can count on in its Hono context.
import type { Env } from '../adapters/env.ts';
import type { Principal } from '../core/identity.ts';

export interface DoorEnv {
  Bindings: Env;
  Variables: {
    /** Set by `requirePrincipal`; routes behind it may rely on it. */
    principal: Principal;
  };
}
