// Which log a file belongs to, and where it stands in it: `nsc.log.gz.9` is older than `nsc.log.gz.0`, and that than
// `nsc.log`; `sallyport.log.2` is older than `sallyport.log.1`. Pure.

/** A file's place: files of one log have one name, and go from the oldest to the youngest. */
interface Place {
  readonly log: string;
  /** 0 for the file that is written to, higher for older ones. */
  readonly age: number;
}

const ROTATED = /^(.+?)(?:\.(\d{1,4}))?(\.gz)?(?:\.(\d{1,4}))?$/;

function placeOf(path: string): Place {
  const [, log = path, before, zipped, behind] = ROTATED.exec(path) ?? [];
  const number = behind ?? before;
  if (number === undefined) return { log, age: zipped === undefined ? 0 : 1 };
  return { log, age: Number(number) + 1 };
}

/** The files of each log, the oldest first. */
export function byLog(paths: readonly string[]): string[][] {
  const logs = new Map<string, { path: string; age: number }[]>();
  for (const path of new Set(paths)) {
    const { log, age } = placeOf(path);
    logs.set(log, [...(logs.get(log) ?? []), { path, age }]);
  }
  return [...logs.values()].map((files) => files.toSorted((a, b) => b.age - a.age).map(({ path }) => path));
}

/** Names that belong to the log of this file, which must be the one that is written to: the rotated ones beside it. */
export function siblingsOf(name: string, names: readonly string[]): string[] {
  if (placeOf(name).age !== 0) return [];
  return names.filter((other) => other !== name && other.startsWith(`${name}.`) && placeOf(other).log === name);
}
