// Finds the .JAR of an update by its id: the vendor's file names contain it, in any case, with whatever around it.
//
// Pure. A name that continues the id's own number is another update's: 160 is not in 1602503.jar. Where several names
// fit and none is the id itself, none is taken: a wrong size makes a wrong estimate.

/** The .JAR of an id among these file names; `several` when it can't be told which. */
export function findJar(
  id: string,
  names: readonly string[],
): { readonly name: string | null; readonly several: boolean } {
  const wanted = id.toLowerCase();
  const fitting = names.filter((name) => contains(name.toLowerCase(), wanted));
  const exact = fitting.filter((name) => name.toLowerCase() === `${wanted}.jar`);
  const [only] = exact.length > 0 ? exact : fitting;
  const several = Math.max(exact.length, exact.length > 0 ? 0 : fitting.length) > 1;
  return { name: several ? null : (only ?? null), several };
}

/** Whether a name in lower case is a .JAR and has the id, not as a part of a longer number. */
function contains(name: string, id: string): boolean {
  if (!name.endsWith('.jar')) return false;
  const stem = name.slice(0, -'.jar'.length);
  for (let at = stem.indexOf(id); at >= 0; at = stem.indexOf(id, at + 1)) {
    const before = stem[at - 1] ?? '';
    const behind = stem[at + id.length] ?? '';
    if (!(isDigit(before) && isDigit(id[0] ?? '')) && !(isDigit(behind) && isDigit(id.at(-1) ?? ''))) return true;
  }
  return false;
}

function isDigit(character: string): boolean {
  return /^\d$/.test(character);
}
