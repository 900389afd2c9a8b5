// Adds the place of a key in the configuration file, such as `sallyport.yaml:12`, to a reason that names the key. Pure.

import { type Reason, reasonKey, reasonText } from '#proxy/reason.ts';

/** Returns the place of a key, `sallyport.yaml:12`; null when the file does not set it. */
export type PlaceOf = (key: string) => string | null;

/** The sentence of a reason, with the place of the deciding key or a note that the file does not set it. */
export function placedReason(reason: Reason, placeOf: PlaceOf): string {
  const key = reasonKey(reason);
  return key === null ? reasonText(reason) : withPlace(reasonText(reason), key, placeOf);
}

/** A key with its place. */
export function placedKey(key: string, placeOf: PlaceOf): string {
  return withPlace(key, key, placeOf);
}

/** The entry of a list has the place of its name. */
function withPlace(text: string, key: string, placeOf: PlaceOf): string {
  const place = placeOf(key) ?? placeOf(`${key}.name`);
  return place === null ? `${text} (not set in the file)` : `${text} (${place})`;
}
