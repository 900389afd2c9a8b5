// The table of purposes: what Sallyport's traffic is for, with one row for each purpose.
//
// Guarantees: this is the only list of purposes. Configuration sections, routes, trust, status, diagnosis, the allow-list
// and the command line are derived from it. A new purpose is a row here, a section in `schema/` and a module of its own.
// The order of the rows is the order in which purposes are shown.

/** Facts about a purpose that do not depend on the settings. */
interface PurposeRow {
  /** The name in `use_proxy_for`, in messages and in JSON. */
  readonly name: string;
  /** The name in sentences and headings. */
  readonly title: string;
  /** The thread that its log lines name. */
  readonly thread: string;
}

export const PURPOSE_TABLE = [
  { name: 'updates', title: 'updates', thread: 'Updater' },
  { name: 'support_logs', title: 'support logs', thread: 'Support' },
  { name: 'exposure_analytics', title: 'exposure analytics', thread: 'Analytics' },
  { name: 'platform', title: 'the platform', thread: 'Platform' },
] as const satisfies readonly PurposeRow[];

type Row = (typeof PURPOSE_TABLE)[number];

/** What the traffic is for; each purpose has its own key in `use_proxy_for`. */
export type Purpose = Row['name'];

const ROWS = new Map<Purpose, Row>(PURPOSE_TABLE.map((row) => [row.name, row]));

/** Every purpose, in the order of the table. */
export const PURPOSES = PURPOSE_TABLE.map(({ name }) => name) as unknown as readonly [Purpose, ...Purpose[]];

/** The row of a purpose. */
export function purposeRow(purpose: Purpose): Row {
  const row = ROWS.get(purpose);
  if (row === undefined) throw new TypeError(`The table of purposes has no row for ${purpose}.`);
  return row;
}

/** A value for each purpose. */
export function byPurpose<T>(make: (purpose: Purpose) => T): Readonly<Record<Purpose, T>> {
  return Object.fromEntries(PURPOSES.map((purpose) => [purpose, make(purpose)])) as Record<Purpose, T>;
}
