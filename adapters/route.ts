// From a target's policy entry to something that can be dialled: secrets and bindings are looked up here, by name.
import { unreachable } from '../core/failure.ts';
import type { PolicyTarget } from '../core/policy/policy.ts';
import { DialFailure } from './dial-failure.ts';
import type { Route, SocketSource } from './dial.ts';
import { binding, secret, type Env } from './env.ts';

/** @throws DialFailure when a secret or binding that the policy names is not there. The message holds names only. */
export function routeOf(env: Env, target: PolicyTarget): Route {
  const { route } = target;
  switch (route.kind) {
    case 'tcp':
      return {
        kind: 'tcp',
        hostname: target.host,
        port: target.port,
        tls: route.tls,
        serverName: route.serverName,
      };
    case 'vpc': {
      const network = binding(env, route.binding);
      if (network === null || !('connect' in network)) {
        throw new DialFailure('target_unreachable', `binding ${route.binding} is missing`);
      }
      return {
        kind: 'vpc',
        network: network as SocketSource,
        address: `${target.host}:${target.port}`,
      };
    }
    case 'tunnel':
      return {
        kind: 'tunnel',
        url: route.url,
        access: route.access === null ? null : serviceToken(env, route.access),
      };
    default:
      return unreachable(route);
  }
}

/** An Access service token, stored as `id:secret`. @throws DialFailure when there is none */
export function serviceToken(
  env: Env,
  name: string,
): { readonly id: string; readonly secret: string } {
  const value = secret(env, name);
  const colon = value?.indexOf(':') ?? -1;
  if (value === null || colon < 1) {
    throw new DialFailure('target_unreachable', `secret ${name} is not set to id:secret`);
  }
  return { id: value.slice(0, colon), secret: value.slice(colon + 1) };
}
