// The title of an error page, which is often all that a proxy says. Bounded and pure; the result is foreign text.

/** Longest title that is kept, in characters. */
const TITLE_CHARACTERS = 300;

/** What stands between `<title>` and its end, on one line; null when there is none. */
export function titleOf(page: string): string | null {
  const start = /<title(?=[\s>])[^<>]{0,200}>/i.exec(page);
  if (start === null) return null;
  const from = start.index + start[0].length;
  const text = page.slice(from, from + TITLE_CHARACTERS);
  const end = text.indexOf('<');
  const title = (end === -1 ? text : text.slice(0, end)).replaceAll(/\s+/g, ' ').trim();
  return title === '' ? null : title;
}
