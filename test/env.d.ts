// What vitest.config.ts adds to the Worker's bindings for tests inside workerd.
declare namespace Cloudflare {
  interface Env {
    readonly DB: D1Database;
    readonly RECORDINGS: R2Bucket;
    readonly SESSION: DurableObjectNamespace<import('../adapters/env.ts').SessionRpc>;
    readonly APPROVAL: DurableObjectNamespace<import('../adapters/env.ts').ApprovalRpc>;
    readonly GRANT: DurableObjectNamespace<import('../adapters/env.ts').GrantRpc>;
    readonly CALL: DurableObjectNamespace<import('../adapters/env.ts').CallRpc>;
    readonly QUOTA: DurableObjectNamespace<import('../adapters/env.ts').QuotaRpc>;
    readonly POSTERN_ENV: string;
    readonly TEST_MIGRATIONS: import('cloudflare:test').D1Migration[];
  }
}
