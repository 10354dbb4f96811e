// What an HTTP request through the gateway is compared with: a Worker that hands it on and does nothing else.
interface ProxyEnv {
  /** Ports of the targets, by name. */
  readonly PORTS: Readonly<Record<string, number>>;
}

// oxlint-disable-next-line import/no-default-export -- the runtime's contract
export default {
  async fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    if (pathname === '/healthz') return new Response('ok');
    const path = pathname.replace(/^\/http\/[^/]+/, '');
    return fetch(new Request(`http://127.0.0.1:${env.PORTS['web']}${path}${search}`, request));
  },
} satisfies ExportedHandler<ProxyEnv>;
