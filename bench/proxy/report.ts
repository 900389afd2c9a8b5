// The table of bench/proxy.ts in Markdown, for docs/architecture.md.

/** The time of one request in milliseconds. */
export interface Times {
  readonly fresh: number;
  readonly reused: number;
}

/** By the name of the kind, and of the contender. */
export type Round = Map<string, ReadonlyMap<string, Times>>;

const OURS = 'Sallyport';
const PEERS = ['curl', 'https-proxy-agent'];
const HEADS = [
  ...['kind', 'new tunnel, ms', 'to the first kind', ...PEERS.map((peer) => `to ${peer}`)],
  ...['reused, ms', 'to a new one', ...PEERS.map((peer) => `to ${peer}`)],
];

/** Each ratio is of one round; the median is printed. */
export function printTable(kinds: readonly string[], rounds: readonly Round[]): void {
  const [plain = ''] = kinds;
  console.log(`| ${HEADS.join(' | ')} |`);
  console.log(`|---|${'---:|'.repeat(HEADS.length - 1)}`);
  for (const kind of kinds) {
    const over = (what: (round: Round) => number | undefined) =>
      median(rounds.map((round) => what(round) ?? Number.NaN));
    const ratio = (which: keyof Times, to: (round: Round) => number | undefined) =>
      over((round) => (round.get(kind)?.get(OURS)?.[which] ?? Number.NaN) / (to(round) ?? Number.NaN));
    const cells = [
      over((round) => round.get(kind)?.get(OURS)?.fresh),
      ratio('fresh', (round) => round.get(plain)?.get(OURS)?.fresh),
      ...PEERS.map((peer) => ratio('fresh', (round) => round.get(kind)?.get(peer)?.fresh)),
      over((round) => round.get(kind)?.get(OURS)?.reused),
      ratio('reused', (round) => round.get(kind)?.get(OURS)?.fresh),
      ...PEERS.map((peer) => ratio('reused', (round) => round.get(kind)?.get(peer)?.reused)),
    ];
    console.log(`| ${[kind, ...cells.map(shown)].join(' | ')} |`);
  }
}

/** A dash if there is nothing to compare with. */
function shown(value: number): string {
  return Number.isNaN(value) ? '–' : value.toFixed(2);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
