// Decides what to import from the proxy settings of other programs: one proxy with its fallbacks. Also lists what is
// left out, and why. Pure.
//
// Guarantees: every proxy that was found is either imported or listed as left out. No reason contains a password.

import { MAX_FALLBACKS } from '#config/schema/proxies.ts';
import { normaliseHost, tokensOf, validateToken } from '#config/values/no-proxy.ts';
import { type ProxyUrl, readProxyUrl } from '#config/values/proxy-url.ts';
import type { ImportEntry } from './entries.ts';
import { IMPORT_KINDS, type ImportKind, type ImportKindName, type Meaning } from './kinds.ts';

/** A file to import. For a PAC file, `path` is its URL and there is no text. */
export interface ImportSource {
  readonly path: string;
  readonly kind: ImportKindName;
  readonly text: string;
}

/** Where something was found. */
interface ImportPlace {
  readonly file: string;
  readonly line: number;
  readonly key: string;
}

/** A proxy to add. */
export interface ImportedProxy extends ImportPlace {
  readonly scheme: ProxyUrl['scheme'] | 'pac';
  readonly address: string;
  readonly port: number;
  readonly user: string | null;
  readonly domain: string | null;
  readonly password: string | null;
  readonly authentication: string;
  readonly pacUrl: string | null;
  readonly caFile: string | null;
  readonly tunnelsHttp: boolean;
}

/** Something that is not imported. */
interface LeftOut extends ImportPlace {
  readonly why: string;
}

/** What to import. */
export interface ImportPlan {
  /** The proxy, then its fallbacks. Empty if none was found. */
  readonly proxies: readonly ImportedProxy[];
  readonly noProxy: (ImportPlace & { readonly tokens: readonly string[] }) | null;
  readonly leftOut: readonly LeftOut[];
}

const DIRECT = /^(?:|direct|_none_|none|null|false)$/i;
const COMPUTED = 'a shell or another program computes its value, which is not executed';
const NO_COUNTERPART = 'it has no counterpart in Sallyport';

type Found = ImportEntry & { readonly meaning: Meaning };

interface Candidate extends ImportPlace {
  readonly target: 'https' | 'http' | 'all';
  readonly proxies: readonly ImportedProxy[];
}

/** `target` is the scheme of the update server. */
export function planImport(sources: readonly ImportSource[], target: 'http' | 'https'): ImportPlan {
  const leftOut: LeftOut[] = [];
  const files = sources.map((source) => readSource(source, leftOut));
  const all = files.flatMap(({ candidates }) => candidates);
  const order = [target, 'all', target === 'https' ? 'http' : 'https'] as const;
  // The first file that names a proxy wins; in a file, the last assignment does.
  const [file] = files.filter(({ candidates }) => candidates.length > 0);
  const chosen = order.flatMap(
    (one) => file?.candidates.filter((candidate) => candidate.target === one).at(-1) ?? [],
  )[0];
  for (const other of all) {
    if (chosen === undefined || other === chosen || isSame(other, chosen)) continue;
    leftOut.push({
      ...placeOf(other),
      why: `it names another proxy than ${chosen.key} in line ${chosen.line} of ${chosen.file}`,
    });
  }
  const noProxy = file?.noProxy ?? files.find((one) => one.noProxy !== null)?.noProxy ?? null;
  const proxies = (chosen?.proxies ?? []).slice(0, MAX_FALLBACKS + 1);
  for (const extra of chosen?.proxies.slice(MAX_FALLBACKS + 1) ?? [])
    leftOut.push({ ...placeOf(extra), why: `a proxy has at most ${MAX_FALLBACKS} fallbacks` });
  return { proxies, noProxy: proxies.length === 0 ? null : noProxy, leftOut: byPlace(leftOut) };
}

interface ReadFile {
  readonly candidates: readonly Candidate[];
  readonly noProxy: ImportPlan['noProxy'];
}

function readSource({ path, kind: name, text }: ImportSource, leftOut: LeftOut[]): ReadFile {
  if (name === 'pac') return { candidates: [pacCandidate(path)], noProxy: null };
  const kind: ImportKind = IMPORT_KINDS[name];
  const found = kind.read(text).flatMap((entry) => {
    const meaning = kind.meaningOf(entry.key);
    return meaning === null ? [] : [{ ...entry, meaning }];
  });
  const at = ({ line, key }: ImportEntry): ImportPlace => ({ file: path, line, key });
  const leave = (entry: ImportEntry, why: string) => void leftOut.push({ ...at(entry), why });
  const usable = found.filter((entry) => {
    if (entry.value === null) leave(entry, COMPUTED);
    else if (entry.meaning === 'other') leave(entry, NO_COUNTERPART);
    return entry.value !== null && entry.meaning !== 'other';
  });
  const textOf = (meaning: Meaning) => usable.findLast((entry) => entry.meaning === meaning)?.value ?? null;
  const isOff = /^(?:no|false|0)$/i.test(textOf('switch') ?? 'yes');
  const shared = { ...sharedIn(usable), defaultPort: kind.defaultPort };
  const candidates: Candidate[] = [];
  for (const entry of [...usable, ...composed(usable)]) {
    const { meaning, value } = entry;
    if (meaning !== 'https' && meaning !== 'http' && meaning !== 'all') continue;
    if (DIRECT.test(value ?? '')) leave(entry, 'it says that no proxy is used');
    else if (isOff) leave(entry, 'the file switches its proxy off');
    else {
      const proxies = (value ?? '').split(';').flatMap((one) => {
        const read = readProxy(one.trim(), at(entry), shared);
        if (typeof read === 'string') leave(entry, read);
        return typeof read === 'string' ? [] : [read];
      });
      if (proxies.length > 0) candidates.push({ ...at(entry), target: meaning, proxies });
    }
  }
  return { candidates, noProxy: readNoProxy(usable, { at, leave }) };
}

interface Shared {
  readonly user: string | null;
  readonly password: string | null;
  readonly method: string | null;
  readonly caFile: string | null;
  readonly tunnelsHttp: boolean;
  readonly defaultPort: ImportKind['defaultPort'];
}

/** Values that belong to the proxies of the whole file. */
function sharedIn(found: readonly Found[]): Omit<Shared, 'defaultPort'> {
  const textOf = (meaning: Meaning) => found.findLast((entry) => entry.meaning === meaning)?.value || null;
  const [, user = null, password = null] = /^([^:]*):(.*)$/s.exec(textOf('user_password') ?? '') ?? [];
  const flag = found.findLast(({ meaning, value }) => meaning === 'method_flag' && value !== 'false')?.key;
  return {
    user: textOf('user') ?? user,
    password: textOf('password') ?? password,
    method: textOf('method') ?? flag?.replace('proxy-', '') ?? null,
    caFile: textOf('ca_file'),
    tunnelsHttp: found.some(({ meaning, value }) => meaning === 'tunnel' && value !== 'false'),
  };
}

/** The proxy of a file that has host and port under keys of their own. */
function composed(found: readonly Found[]): Found[] {
  const of = (meaning: Meaning) => found.findLast((entry) => entry.meaning === meaning);
  const [host, port, scheme] = [of('host'), of('port')?.value, of('scheme')?.value];
  if (host === undefined) return [];
  const value = host.value ? `${scheme ? `${scheme}://` : ''}${host.value}${port ? `:${port}` : ''}` : '';
  return [{ ...host, value, meaning: 'all' }];
}

function readProxy(text: string, place: ImportPlace, shared: Shared): ImportedProxy | string {
  const read = readProxyUrl(text);
  if (!read.ok) return read.reason;
  const { proxy } = read;
  const hasPort = /:\d+\/?$/.test(text);
  const own = shared.defaultPort === 'curl' || proxy.scheme !== 'http' ? proxy.port : shared.defaultPort;
  const login = proxy.user ?? shared.user;
  const password = proxy.user === null ? shared.password : proxy.password;
  const [, domain = null, name] = /^([^\\]+)\\(.+)$/.exec(login ?? '') ?? [];
  const user = name ?? login;
  return {
    ...place,
    scheme: proxy.scheme,
    address: proxy.host,
    port: hasPort ? proxy.port : own,
    user,
    domain,
    password: password === '' ? null : password,
    authentication: user === null ? 'transparent' : methodOf(shared.method, domain),
    pacUrl: null,
    caFile: proxy.scheme === 'https' && shared.caFile?.startsWith('/') === true ? shared.caFile : null,
    tunnelsHttp: shared.tunnelsHttp,
  };
}

/** The method that these programs use without a setting is Basic. A domain needs NTLM or Negotiate. */
function methodOf(method: string | null, domain: string | null): string {
  const known: Readonly<Record<string, string>> = {
    basic: 'basic',
    digest: 'digest',
    digest_ie: 'digest',
    ntlm: 'ntlm',
    ntlm_wb: 'ntlm',
    negotiate: 'negotiate',
    any: 'auto',
    anyauth: 'auto',
  };
  return known[method?.toLowerCase() ?? ''] ?? (domain === null ? 'basic' : 'auto');
}

function readNoProxy(
  found: readonly Found[],
  { at, leave }: { at(entry: ImportEntry): ImportPlace; leave(entry: ImportEntry, why: string): void },
): ImportPlan['noProxy'] {
  const lists = found.filter(({ meaning }) => meaning === 'no_proxy').slice(-1);
  const hosts = found.filter(({ meaning }) => meaning === 'direct_host');
  const tokens = lists.flatMap((entry) =>
    tokensOf((entry.value ?? '').replaceAll(/[;|]/g, ',')).filter((token) => {
      const wrong = validateToken(token);
      if (wrong !== null) leave(entry, wrong);
      return wrong === null;
    }),
  );
  for (const entry of hosts) {
    const host = entry.key.replace(/^.*::/, '');
    if (/^direct$/i.test(entry.value ?? '') && normaliseHost(host) !== null) tokens.push(host);
    else leave(entry, 'Sallyport has no proxy for a single host');
  }
  const [first] = [...lists, ...hosts];
  return first === undefined || tokens.length === 0 ? null : { ...at(first), tokens: [...new Set(tokens)] };
}

function pacCandidate(url: string): Candidate {
  const place = { file: url, line: 1, key: 'PAC URL' };
  const none = { user: null, domain: null, password: null, caFile: null, tunnelsHttp: false };
  const proxy: ImportedProxy = {
    ...{ ...place, ...none },
    scheme: 'pac',
    address: '',
    port: 0,
    authentication: 'transparent',
    pacUrl: url,
  };
  return { ...place, target: 'all', proxies: [proxy] };
}

function isSame(one: Candidate, other: Candidate): boolean {
  const where = ({ proxies }: Candidate) =>
    proxies.map(({ scheme, address, port, user, pacUrl }) => [scheme, address, port, user, pacUrl]);
  return JSON.stringify(where(one)) === JSON.stringify(where(other));
}

function placeOf({ file, line, key }: ImportPlace): ImportPlace {
  return { file, line, key };
}

function byPlace(all: readonly LeftOut[]): LeftOut[] {
  return all.toSorted((one, other) => (one.file === other.file ? one.line - other.line : 0));
}
