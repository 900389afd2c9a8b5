// Finds out which log a file belongs to, and the order of the files of a log. `nsc.log.gz.9` is older than
// `nsc.log.gz.0`, which is older than `nsc.log`. `sallyport.log.2` is older than `sallyport.log.1`. Pure.

/** The log that a file belongs to, by the name of its current file, and the age of the file. */
interface Place {
  readonly log: string;
  /** 0 for the current file, higher for older files. */
  readonly age: number;
}

const ROTATED = /^(.+?)(?:\.(\d{1,4}))?(\.gz)?(?:\.(\d{1,4}))?$/;

function placeOf(path: string): Place {
  const [, log = path, before, zipped, behind] = ROTATED.exec(path) ?? [];
  const number = behind ?? before;
  if (number === undefined) return { log, age: zipped === undefined ? 0 : 1 };
  return { log, age: Number(number) + 1 };
}

/** The files of each log, oldest first. */
export function byLog(paths: readonly string[]): string[][] {
  const logs = new Map<string, { path: string; age: number }[]>();
  for (const path of new Set(paths)) {
    const { log, age } = placeOf(path);
    logs.set(log, [...(logs.get(log) ?? []), { path, age }]);
  }
  return [...logs.values()].map((files) => files.toSorted((a, b) => b.age - a.age).map(({ path }) => path));
}

/** The names among `names` of the rotated files of this log; none if `name` is itself a rotated file. */
export function rotatedFilesOf(name: string, names: readonly string[]): string[] {
  if (placeOf(name).age !== 0) return [];
  return names.filter((other) => other !== name && other.startsWith(`${name}.`) && placeOf(other).log === name);
}
