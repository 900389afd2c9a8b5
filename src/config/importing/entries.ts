// Reads the settings of other programs as entries: a key, a value and a line. Files are parsed and never executed.
// Pure.
//
// Guarantees: if a shell would compute a value, the entry says so and has no value. A syntax error affects only its own
// line, not the rest of the file.

/** One setting of a file. */
export interface ImportEntry {
  /** The first line is 1. */
  readonly line: number;
  /** As its program spells it; of a nested setting, the path with dots. */
  readonly key: string;
  /** Null if a shell or another program would have to compute it. */
  readonly value: string | null;
}

const COMPUTED = /[$`]/;

/** Assignments of a shell, of systemd's EnvironmentFile= or of /etc/environment: `export NAME="value"`. */
export function readAssignments(text: string): ImportEntry[] {
  return linesOf(text).flatMap(({ line, text: raw }) => {
    const found = /^\s*(?:export\s+|setenv\s+|declare\s+-x\s+)?([A-Za-z_][A-Za-z0-9_]*)(?:=|\s+(?=\S))(.*)$/.exec(raw);
    if (found === null || !/=|^\s*setenv\s/.test(raw)) return [];
    const [, key = '', rest = ''] = found;
    return [{ line, key, value: unquoted(rest.trim(), true) }];
  });
}

/** The assignments of `Environment=` in a unit or drop-in of systemd. */
export function readUnit(text: string): ImportEntry[] {
  return linesOf(joined(text)).flatMap(({ line, text: raw }) => {
    const list = /^\s*Environment\s*=\s*(.*)$/.exec(raw)?.[1];
    if (list === undefined) return [];
    return [...list.matchAll(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\S+)/g)].flatMap(([, double, single, bare]) => {
      const [, key, value = ''] = /^([A-Za-z_]\w*)=(.*)$/s.exec(double ?? single ?? bare ?? '') ?? [];
      // `%%` is a percent sign; any other specifier is replaced by systemd.
      const literal = value.replaceAll('%%', '');
      if (key === undefined) return [];
      return [{ line, key, value: literal.includes('%') ? null : value.replaceAll('%%', '%') }];
    });
  });
}

/** `key = value` below `[section]`, as dnf, rhsm and npm write it. A key outside of a section has no prefix. */
export function readIni(text: string): ImportEntry[] {
  let section = '';
  return linesOf(text).flatMap(({ line, text: raw }) => {
    const head = /^\s*\[([^\]]+)\]/.exec(raw)?.[1];
    if (head !== undefined) {
      section = head.trim().toLowerCase();
      return [];
    }
    const [, key, value = ''] = /^\s*([\w./:@-]+)\s*[=:]\s*(.*)$/.exec(raw) ?? [];
    if (key === undefined || /^\s*[#;]/.test(raw)) return [];
    return [{ line, key: section === '' ? key : `${section}.${key}`, value: unquoted(value.trim(), false) }];
  });
}

/** Options of curl, one in a line: `proxy = "..."`, `-x ...`, `--noproxy ...`, `proxy-ntlm`. */
export function readCurl(text: string): ImportEntry[] {
  return linesOf(text).flatMap(({ line, text: raw }) => {
    const trimmed = raw.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    const [, key = '', value = ''] = /^(-[A-Za-z](?=\S)|[^\s=:]+)\s*[=:]?\s*(.*)$/.exec(trimmed) ?? [];
    const long = { '-x': 'proxy', '-U': 'proxy-user' }[key] ?? key.replace(/^--/, '');
    return [{ line, key: long, value: unquoted(value, false) }];
  });
}

/** `Acquire::http::Proxy "...";`, and the same in blocks with braces. */
export function readApt(text: string): ImportEntry[] {
  const entries: ImportEntry[] = [];
  const path: string[] = [];
  let word: string | null = null;
  let line = 1;
  const tokens = /\n|\/\/[^\n]*|\/\*[\s\S]*?\*\/|#[^\n]*|"((?:[^"\\]|\\.)*)"|([{};])|[^\s{};"]+/g;
  for (const token of text.matchAll(tokens)) {
    const [raw, quoted, sign] = token;
    if (quoted !== undefined && word !== null) entries.push({ line, key: [...path, word].join('::'), value: quoted });
    else if (sign === '{') {
      path.push(word ?? '');
      word = null;
    } else if (sign === '}') path.pop();
    else if (sign === ';') word = null;
    else if (sign === undefined && quoted === undefined && /^[\w:.-]+$/.test(raw)) {
      // A value without quotes follows its key.
      if (word === null) word = raw;
      else entries.push({ line, key: [...path, word].join('::'), value: raw });
    }
    line += raw.split('\n').length - 1;
  }
  return entries;
}

/** Every scalar of a YAML file, with its path; the entries of a list are joined. */
export function readTree(document: {
  readonly value: unknown;
  keyAt(key: string): { readonly line: number } | null;
}): ImportEntry[] {
  const walk = (value: unknown, path: string): ImportEntry[] => {
    const line = document.keyAt(path)?.line ?? 1;
    if (Array.isArray(value) && value.every((one) => typeof one !== 'object'))
      return [{ line, key: path, value: value.map(String).join(',') }];
    if (typeof value !== 'object' || value === null) return [{ line, key: path, value: computed(String(value ?? '')) }];
    const isList = Array.isArray(value);
    const below = (key: string) => (path === '' ? key : `${path}.${key}`);
    return Object.entries(value).flatMap(([key, part]) => walk(part, isList ? `${path}[${key}]` : below(key)));
  };
  return walk(document.value, '');
}

interface Line {
  readonly line: number;
  readonly text: string;
}

function linesOf(text: string): Line[] {
  return text
    .split(/\r?\n/)
    .map((raw, index) => ({ line: index + 1, text: raw }))
    .filter(({ text: raw }) => !/^\s*#/.test(raw));
}

/** Lines that end with a backslash continue; they become empty lines, so that the numbers stay. */
function joined(text: string): string {
  const lines = text.split('\n');
  for (let index = lines.length - 2; index >= 0; index -= 1) {
    const raw = lines[index] ?? '';
    if (!raw.endsWith('\\')) continue;
    lines[index] = `${raw.slice(0, -1)} ${lines[index + 1] ?? ''}`;
    lines[index + 1] = '';
  }
  return lines.join('\n');
}

/** Without quotes and a comment at the end; null if a shell would change it. */
function unquoted(text: string, isShell: boolean): string | null {
  const [, quote, inner] = /^(["'])(.*?)\1\s*;?\s*(?:[#;].*)?$/.exec(text) ?? [];
  if (inner !== undefined) return quote === "'" ? inner : computed(inner);
  if (!isShell) return computed(text.replace(/\s+[#;].*$/, ''));
  return computed(text.replace(/\s*;(?:\s.*)?$|\s+#.*$/, ''));
}

function computed(text: string): string | null {
  return COMPUTED.test(text) ? null : text;
}
