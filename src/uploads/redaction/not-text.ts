// Decides whether bytes are text that the rules can read. Pure.
//
// UTF-16, compressed files and programs are not text, because the rules would not find a secret in them.

/** A power cut can leave a hole of zero bytes in a log. Fewer in a row are not a hole. */
const MIN_HOLE = 8;
/** Of all characters. */
const MAX_CONTROL_SHARE = 0.02;
const MIN_CONTROLS = 8;
const ZEROS = /\0+/g;
const SPACE = 0x20;
/** Backspace, tab, line ends, vertical tab, form feed and escape are in ordinary logs. */
const ORDINARY: ReadonlySet<number> = new Set([0, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1b]);

/** Why the text, read as Latin-1, is not text, as the end of a sentence; null if it is. */
export function notText(text: string): string | null {
  if (text.includes('\0')) {
    for (const { 0: run, index } of text.matchAll(ZEROS)) {
      // A hole may be cut at either end of the window.
      if (run.length < MIN_HOLE && index > 0 && index + run.length < text.length) return 'it has zero bytes';
    }
  }
  let controls = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < SPACE && !ORDINARY.has(unit)) controls += 1;
  }
  return controls > MIN_CONTROLS && controls > text.length * MAX_CONTROL_SHARE ? 'it has control characters' : null;
}
