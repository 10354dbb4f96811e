// What an issuer must remember between requests (sessions, codes, refresh tokens), in memory and per issuer: a code of one
// is unknown to the other, and all are forgotten at the end. Bounded by the life of a development stack.
import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';

interface Entry {
  readonly payload: AdapterPayload;
  readonly expiresAtMs: number;
}

/** An AdapterFactory in oidc-provider's sense: one adapter per model, over one store. */
export function memoryStorage(): AdapterFactory {
  const store = new Map<string, Entry>();

  const read = (key: string): AdapterPayload | undefined => {
    const entry = store.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAtMs > Date.now()) return entry.payload;
    store.delete(key);
    return undefined;
  };
  const findWhere = (
    model: string,
    matches: (payload: AdapterPayload) => boolean,
  ): AdapterPayload | undefined => {
    for (const key of [...store.keys()].filter((key) => key.startsWith(`${model}:`))) {
      const payload = read(key);
      if (payload !== undefined && matches(payload)) return payload;
    }
    return undefined;
  };

  return (model: string): Adapter => ({
    async upsert(id, payload, expiresIn) {
      const lifeMs = expiresIn === undefined ? Infinity : expiresIn * 1000;
      store.set(`${model}:${id}`, { payload, expiresAtMs: Date.now() + lifeMs });
    },
    find: async (id) => read(`${model}:${id}`),
    findByUid: async (uid) => findWhere(model, (payload) => payload.uid === uid),
    findByUserCode: async (code) => findWhere(model, (payload) => payload.userCode === code),
    async consume(id) {
      const payload = read(`${model}:${id}`);
      if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000);
    },
    async destroy(id) {
      store.delete(`${model}:${id}`);
    },
    async revokeByGrantId(grantId) {
      for (const [key, { payload }] of store) {
        if (payload.grantId === grantId) store.delete(key);
      }
    },
  });
}
