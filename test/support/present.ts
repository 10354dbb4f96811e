// What a test knows to be there, without telling the compiler to look away.

export function at<T>(list: readonly T[], index: number): T {
  const item = list.at(index);
  if (item === undefined) throw new Error(`nothing at ${index} of ${list.length}`);
  return item;
}

export function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('nothing is there');
  return value;
}

/** The first group of a match that must be there. */
export function captured(pattern: RegExp, text: string): string {
  return present(pattern.exec(text)?.[1]);
}
