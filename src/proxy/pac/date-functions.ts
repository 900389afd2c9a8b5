// The date and time functions of a PAC file: weekdayRange, dateRange, timeRange. Pure: the caller passes the time.
//
// They accept every form in Mozilla's documentation of PAC files. The time zone is that of this host, or GMT if the
// last argument is GMT. If the end is before the start, the range continues past the end of the week, month, year or
// day, as in Firefox since version 49. Undocumented arguments are an error, because the result false could choose the
// wrong proxy without any message.

const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const LAST_DAY_OF_MONTH = 31;

/** The time as a file receives it. */
interface Moment {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** @throws Error for arguments that are not weekdays */
export function weekdayRange(now: Date, given: readonly unknown[]): boolean {
  const { values, moment } = read('weekdayRange', now, given, [1, 2]);
  const [from = 0, to = from] = values.map((value) => {
    const day = DAYS.indexOf(wordOf(value));
    if (day < 0) throw mistake('weekdayRange', value, `a weekday (${DAYS.join(', ')})`);
    return day;
  });
  return isWithin(moment.weekday, from, to);
}

/** @throws Error for arguments that are not a date or a range of dates */
export function dateRange(now: Date, given: readonly unknown[]): boolean {
  const { values, moment } = read('dateRange', now, given, [1, 2, 3, 4, 6]);
  const parts = values.map(readDatePart);
  const half = parts.length / 2;
  const isRange =
    Number.isInteger(half) && parts.every(({ unit }, at) => unit === parts[(at + half) % parts.length]?.unit);
  const [from, to] = isRange ? [parts.slice(0, half), parts.slice(half)] : [parts, parts];
  const units = from.map(({ unit }) => unit);
  if (new Set(units).size !== units.length) {
    throw new Error(`dateRange(${values.join(', ')}) is neither one date nor two dates of the same form`);
  }
  const [at, low, high] = [units.map((unit) => ({ unit, value: moment[unit] })), from, to].map(orderOf) as Bounds;
  // Years do not recur, so the range between two years in reverse order is empty.
  return units.includes('year') ? low <= at && at <= high : isWithin(at, low, high);
}

/** @throws Error for arguments that are not a time or a range of times */
export function timeRange(now: Date, given: readonly unknown[]): boolean {
  const { values, moment } = read('timeRange', now, given, [1, 2, 4, 6]);
  const numbers = values.map((value, at) => {
    const isHour = at % Math.ceil(values.length / 2) === 0;
    const [number, most] = [numberOf(value), isHour ? 24 : 59];
    if (number === null || number > most) throw mistake('timeRange', value, `a number from 0 to ${most}`);
    return number;
  });
  const { hour, minute, second } = moment;
  const [first = 0, next = 0] = numbers;
  // timeRange(12, 13) is "from noon to 1pm", the same as timeRange(12): the last hour is an exclusive bound.
  if (numbers.length === 1 || (numbers.length === 2 && first === next)) return hour === first % 24;
  const at = secondsOf([hour, minute, second]);
  if (numbers.length === 2) return isWithin(at, secondsOf([first]), secondsOf([next]) - 1);
  const half = numbers.length / 2;
  // Bounds without seconds include their whole minute.
  const [from, to] = [secondsOf(numbers.slice(0, half)), secondsOf(numbers.slice(half)) + (half === 2 ? 59 : 0)];
  return isWithin(at, from, to);
}

type Bounds = [at: number, low: number, high: number];
type DateUnit = 'year' | 'month' | 'day';

interface DatePart {
  readonly unit: DateUnit;
  readonly value: number;
}

/** A day is a number up to 31, a year a larger number, a month a word. */
function readDatePart(value: unknown): DatePart {
  const month = MONTHS.indexOf(wordOf(value));
  if (month >= 0) return { unit: 'month', value: month };
  const number = numberOf(value);
  if (number === null || number === 0)
    throw mistake('dateRange', value, `a day, a year, or a month (${MONTHS.join(', ')})`);
  return number <= LAST_DAY_OF_MONTH ? { unit: 'day', value: number } : { unit: 'year', value: number };
}

/** A number that grows with the date, whatever the order of its parts. */
function orderOf(parts: readonly DatePart[]): number {
  const partOf = (wanted: DateUnit) => parts.find(({ unit }) => unit === wanted)?.value ?? 0;
  return (partOf('year') * 12 + partOf('month')) * 100 + partOf('day');
}

function isWithin(at: number, from: number, to: number): boolean {
  return from <= to ? from <= at && at <= to : at >= from || at <= to;
}

function secondsOf([hours = 0, minutes = 0, seconds = 0]: readonly number[]): number {
  return hours * 3_600 + minutes * 60 + seconds;
}

/**
 * The arguments without the zone, and the time in that zone.
 * @throws Error for a number of arguments that no form has
 */
function read(name: string, now: Date, given: readonly unknown[], counts: readonly number[]) {
  const inGmt = wordOf(given.at(-1)) === 'GMT';
  // A file that forwards its own arguments calls weekdayRange("MON", undefined).
  const values = (inGmt ? given.slice(0, -1) : given).filter((value) => value !== undefined && value !== null);
  if (!counts.includes(values.length)) {
    throw new Error(`${name} takes ${counts.join(', ')} arguments and GMT; it was given ${values.length}`);
  }
  return { values, moment: momentOf(now, inGmt) };
}

function momentOf(now: Date, inGmt: boolean): Moment {
  // A local time, written as if it were GMT.
  const shown = inGmt ? now : new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  return {
    year: shown.getUTCFullYear(),
    month: shown.getUTCMonth(),
    day: shown.getUTCDate(),
    weekday: shown.getUTCDay(),
    hour: shown.getUTCHours(),
    minute: shown.getUTCMinutes(),
    second: shown.getUTCSeconds(),
  };
}

function wordOf(value: unknown): string {
  return typeof value === 'string' ? value.trim().toUpperCase() : '';
}

function numberOf(value: unknown): number | null {
  const text = String(value).trim();
  return /^\d{1,4}$/.test(text) ? Number(text) : null;
}

function mistake(name: string, value: unknown, allowed: string): Error {
  return new Error(`${name} was given ${JSON.stringify(value).slice(0, 40)}, which is not ${allowed}`);
}
