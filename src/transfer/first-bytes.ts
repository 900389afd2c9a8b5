// Describes by its first bytes a file that is not a package. Pure.
//
// The bytes themselves are never shown: a server may send back a secret that it received, and even four bytes of a
// password must not reach the log.

const KNOWN: readonly (readonly [hex: string, name: string])[] = [
  ['1f8b', 'a gzip file'],
  ['fd377a58', 'an xz file'],
  ['28b52ffd', 'a zstd file'],
  ['377abcaf', 'a 7z file'],
  ['25504446', 'a PDF file'],
  ['7f454c46', 'an ELF program'],
];

/** Content types of pages. A static host may label a package like this as well, so the first bytes decide. */
const PAGE_TYPE =
  /^(?:text\/|image\/|multipart\/|message\/|application\/(?:xhtml|json|xml|problem|javascript|.*\+(?:json|xml)))/i;

/** How HTML, XML and JSON begin. */
const PAGE_START = /^(?:\u{feff})?\s*[<{[]/u;

/** Whether a Content-Type is one of a page. */
export function isPageType(type: string | undefined): boolean {
  return PAGE_TYPE.test(type ?? '');
}

/** Whether a body begins like HTML, XML or JSON. */
export function beginsLikePage(start: Buffer): boolean {
  return PAGE_START.test(start.subarray(0, 64).toString('utf8'));
}

const isTextByte = (byte: number) => byte === 9 || byte === 10 || byte === 13 || (byte >= 0x20 && byte !== 0x7f);

/** The reason of NOT-A-JAR, for example `it begins as a gzip file does, not as a .JAR`. */
export function describeFirstBytes(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.subarray(0, 4)).toString('hex');
  const known = KNOWN.find(([start]) => hex.startsWith(start));
  const name = known?.[1] ?? (bytes.length > 0 && bytes.every(isTextByte) ? 'a text' : null);
  return name === null ? 'its first bytes are not those of a .JAR' : `it begins as ${name} does, not as a .JAR`;
}
