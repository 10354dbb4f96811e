// A store that never answers must look like one that is away: nothing in Workers ends a pending call by itself.

/** @throws Error when the call takes longer than `ms`; its late result is dropped */
export async function withinMs<T>(ms: number, call: () => PromiseLike<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([call(), late]);
  } finally {
    clearTimeout(timer);
  }
}
