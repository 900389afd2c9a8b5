// Where a reason stands: each reason of a choice begins with the key that decided, and the file has a place for it. Pure.

/** Tells the place of a key, `sallyport.yaml:12`; null where the file does not have it. */
export type PlaceOf = (key: string) => string | null;

const KEY_FIRST = /^[a-z_]+(?:\[\d+\])?(?:\.[a-z_]+(?:\[\d+\])?)*/;

/** Reasons with the place of their key, or that it is a default. Words that begin with no key stay as they are. */
export function placeReasons(reasons: readonly string[], placeOf: PlaceOf): string[] {
  return reasons.map((reason) => {
    const key = KEY_FIRST.exec(reason)?.[0] ?? '';
    if (!key.includes('_') && !key.includes('.') && !key.includes('[')) return reason;
    const place = placeOf(key) ?? placeOf(`${key}.name`);
    return place === null ? `${reason} (by default)` : `${reason} (${place})`;
  });
}
