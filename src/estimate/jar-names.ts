// Finds the .JAR of an update by its id. The vendor's file names contain the id in upper or lower case, with other text
// around it. Pure.
//
// If another digit is next to the id, the file belongs to another update: 1602503.jar does not match 160. If several
// names match and none is exactly the id, no file is used, because a wrong size would give a wrong estimate.

/** The .JAR of an id among these file names. `several` is true if more than one matches. */
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

/** Whether a name in lower case is a .JAR and contains the id, but not as part of a longer number. */
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
