// Normalizes a response head for Node's strict parser, where RFC 9112 allows a recipient to be lenient.
//
// A head that the RFC does not allow goes to the parser unchanged, and the parser's reason becomes the failure. This
// reader alone decides where a head ends. The parser gets the head with CR LF line ends, so both agree where the body
// begins. Heads that permit response smuggling are refused: different Content-Lengths, Content-Length together with
// Transfer-Encoding, and (by the parser) a bare CR. Memory is limited, and time is linear in the input. Pure.

/** Maximum size of a response head in bytes as received; header fields of 34 KB occur in practice. */
export const HEAD_LIMIT_BYTES = 262_144;
/** Node silently drops fields above its own limit, so this limit is checked instead. */
const FIELD_LIMIT = 2_000;

const LF = 0x0a;
const PREFIX = 'HTTP/';
const STATUS_LINE = /^(HTTP\/\d\.\d)[ \t]+(\d{3})(?:[ \t]+(.*))?$/s;
const FIELD_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:(.*)$/s;
const SWITCHING_PROTOCOLS = 101;

export interface HeadRead {
  /** The bytes for the parser. */
  readonly bytes: Buffer;
  /** Index after the bytes that were read; bytes from there on belong to the body or to the next head. */
  readonly next: number;
  /** Why this head is refused regardless of the parser; null when it is not. */
  readonly refused: string | null;
  /** Whether a final head ended here: no head follows. */
  readonly ended: boolean;
}

/** Reads the heads of one response: any number of interim ones, and the final one. */
export class HeadReader {
  /** Whether it reads a response to CONNECT: one with a 2xx has no body, whatever its fields say. */
  readonly #toConnect: boolean;
  /** An incomplete line, as Latin-1 text. */
  #open = '';
  #status: number | null = null;
  /** A field line that the next line may continue. */
  #field: string | null = null;
  #length: string | null = null;
  #hasLength = false;
  #hasCoding = false;
  #fields = 0;
  #taken = 0;
  #refused: string | null = null;
  /** The bytes are not HTTP: the parser reports best what is wrong. */
  #foreign = false;
  #ready: string[] = [];
  /** For `readThrough`: the final head has ended. */
  #isBehind = false;

  constructor(options: { readonly toConnect: boolean }) {
    this.#toConnect = options.toConnect;
  }

  /** Reads from `from` to the end of the head or of the chunk. */
  read(chunk: Uint8Array, from: number): HeadRead {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = from;
    let isOver = false;
    while (at < bytes.length && !isOver && !this.#foreign) {
      const lineEnd = bytes.indexOf(LF, at);
      const next = lineEnd === -1 ? bytes.length : lineEnd + 1;
      this.#taken += next - at;
      if (this.#taken > HEAD_LIMIT_BYTES) return refuse(`more than ${HEAD_LIMIT_BYTES} bytes of headers`, chunk);
      // Before the line is complete, only the start of the first line is inspected, because inspecting flattens the
      // string.
      const isStart = this.#status === null && this.#open.length < PREFIX.length;
      this.#open += bytes.toString('latin1', at, next);
      at = next;
      if (isStart && !looksLikeHttp(this.#open)) this.#foreign = true;
      else if (lineEnd !== -1) isOver = this.#takeLine();
      if (this.#fields > FIELD_LIMIT) return refuse(`more than ${FIELD_LIMIT} header fields`, chunk);
      if (this.#refused !== null) return refuse(this.#refused, chunk);
    }
    const ended = isOver && this.#isFinal();
    if (isOver) this.#reset();
    if (!this.#foreign) return { bytes: this.#takeReady(), next: at, refused: null, ended };
    this.#ready.push(this.#open, bytes.toString('latin1', at));
    this.#open = '';
    return { bytes: this.#takeReady(), next: bytes.length, refused: null, ended };
  }

  /** Reads a whole chunk: normalizes heads, and passes everything after the final one unchanged. */
  readThrough(chunk: Buffer): Pick<HeadRead, 'bytes' | 'refused'> {
    const parts: Buffer[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (this.#isBehind) {
        parts.push(chunk.subarray(at));
        break;
      }
      const { bytes, next, refused, ended } = this.read(chunk, at);
      if (refused !== null) return { bytes, refused };
      parts.push(bytes);
      this.#isBehind = ended;
      at = next;
    }
    const [only] = parts;
    return { bytes: parts.length === 1 && only !== undefined ? only : Buffer.concat(parts), refused: null };
  }

  #takeReady(): Buffer {
    const ready = Buffer.from(this.#ready.join(''), 'latin1');
    this.#ready = [];
    return ready;
  }

  /** Handles a complete line. Returns true when it ended the head. */
  #takeLine(): boolean {
    // RFC 9112, 2.2: a recipient may accept a single LF as a line end, and ignores a CR before it.
    const line = this.#open.slice(0, this.#open.endsWith('\r\n') ? -2 : -1);
    this.#open = '';
    if (this.#status === null) return this.#takeStatusLine(line);
    if (line === '') {
      this.#endField();
      this.#ready.push('\r\n');
      return true;
    }
    if (line.startsWith(' ') || line.startsWith('\t')) this.#continueField(line);
    else {
      this.#endField();
      this.#field = line;
      this.#fields += 1;
    }
    return false;
  }

  /** RFC 9112, 4: a recipient may split the status line at any amount of whitespace, and ignore trailing whitespace. */
  #takeStatusLine(line: string): boolean {
    if (/^\r*$/.test(line)) return false;
    const [, version, status, reason = ''] = STATUS_LINE.exec(line) ?? [];
    this.#status = Number(status ?? 0);
    const normal = version === undefined ? line : `${version} ${status} ${trimBlanks(reason)}`;
    this.#ready.push(normal, '\r\n');
    return false;
  }

  /**
   * RFC 9112, 5.2: a user agent must replace a line break before whitespace (obs-fold) with spaces. RFC 9112, 2.2: such
   * a line before the first field is consumed without further processing.
   */
  #continueField(line: string): void {
    if (this.#field === null) return;
    this.#field = `${this.#field} ${line.replace(/^[ \t]+/, '')}`;
  }

  #endField(): void {
    const line = this.#field;
    this.#field = null;
    if (line === null) return;
    // Whitespace before the colon: RFC 9112, 5.1 forbids it, and requires a proxy to remove it from a response.
    const [, name, value = ''] = FIELD_LINE.exec(line) ?? [];
    if (name === undefined) {
      this.#ready.push(line, '\r\n');
      return;
    }
    const shown = this.#framing(name.toLowerCase(), trimBlanks(value));
    if (shown !== null) this.#ready.push(name, ': ', shown, '\r\n');
  }

  /** The value of a field for the parser; null for a field to omit. */
  #framing(name: string, value: string): string | null {
    if (name !== 'content-length' && name !== 'transfer-encoding') return value;
    // RFC 9112, 6.3, 2: a client must ignore both in a 2xx to CONNECT.
    if (this.#toConnect && this.#status !== null && this.#status >= 200 && this.#status <= 299) return null;
    if (name === 'content-length') this.#hasLength = true;
    else this.#hasCoding = true;
    // RFC 9112, 6.3, 3: ought to be handled as an error. Not left to parsers: undici's accepts both.
    if (this.#hasLength && this.#hasCoding) this.#refused = 'it has Content-Length and Transfer-Encoding';
    if (name !== 'content-length') return value;
    // RFC 9112, 6.3, 5: a list of identical valid values counts as one value.
    const values = value.split(',').map((one) => one.trim());
    const [first = ''] = values;
    if (!values.every((one) => /^\d+$/.test(one))) return value;
    const isFirst = this.#length === null;
    this.#length ??= first;
    const other = values.find((one) => one !== this.#length);
    // Not left to parsers: undici's reads two lengths as one number.
    if (other !== undefined) this.#refused = `its Content-Length is both ${this.#length} and ${other}`;
    return isFirst ? first : null;
  }

  /** RFC 9110, 15.2: interim responses precede the final one; 101 is the last that is HTTP. */
  #isFinal(): boolean {
    const status = this.#status ?? 0;
    return status >= 200 || status === SWITCHING_PROTOCOLS || status < 100;
  }

  #reset(): void {
    this.#status = null;
    this.#length = null;
    this.#hasLength = false;
    this.#hasCoding = false;
    this.#fields = 0;
    this.#taken = 0;
  }
}

/** Whether an incomplete line may be the start of a status line; empty lines before it are skipped. */
function looksLikeHttp(line: string): boolean {
  const start = line.slice(0, PREFIX.length);
  return start === PREFIX.slice(0, start.length) || /^\r*\n?$/.test(start);
}

/** Trims spaces and tabs only. Written by hand, because a pattern anchored at the end takes quadratic time. */
function trimBlanks(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text[start])) start += 1;
  while (end > start && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

function refuse(refused: string, chunk: Uint8Array): HeadRead {
  return { bytes: Buffer.alloc(0), next: chunk.length, refused, ended: false };
}
