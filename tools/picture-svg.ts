// Draws a terminal screen as an SVG that needs no font of its own: each run of equal cells is a text with a fixed width.

/** One character cell. `color` is an index of the terminal's palette; null is the terminal's own color. */
interface Cell {
  readonly text: string;
  readonly color: number | null;
  readonly isBold: boolean;
  readonly isDim: boolean;
}

/** Rows from top to bottom. A wrapped row continues the line above it. */
export type Screen = readonly { readonly isWrapped: boolean; readonly cells: readonly Cell[] }[];

/** In pixels. */
const [CELL_WIDTH, LINE_HEIGHT, PADDING, TITLE_HEIGHT] = [7.8, 18, 14, 30];
const [BACKGROUND, FOREGROUND, DIM] = ['#1b1f24', '#d5dae1', '#8b949e'];
/** The first 16 colors of the palette, readable on the background. */
const PALETTE = [
  ...['#484f58', '#ff7b72', '#3fb950', '#d29922', '#58a6ff', '#bc8cff', '#39c5cf', '#b1bac4'],
  ...['#6e7681', '#ffa198', '#56d364', '#e3b341', '#79c0ff', '#d2a8ff', '#56d4dd', '#f0f6fc'],
];
const BUTTONS = ['#ff5f57', '#febc2e', '#28c840'];

/** The picture as a text, with the lines of the screen in its <desc>. */
export function drawScreen(screen: Screen, columns: number): string {
  const width = Math.ceil(columns * CELL_WIDTH + 2 * PADDING);
  const height = TITLE_HEIGHT + screen.length * LINE_HEIGHT + PADDING;
  const buttons = BUTTONS.map((fill, n) => `<circle cx="${20 + n * 18}" cy="16" r="5.5" fill="${fill}"/>`);
  const rows = screen.map(({ cells }, n) => drawRow(cells, TITLE_HEIGHT + (n + 0.75) * LINE_HEIGHT));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    '<title id="title">The Sallyport demo in a terminal, in the middle of a download</title>',
    `<desc id="desc">\n${escapeXml(linesOf(screen).join('\n'))}\n</desc>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>`,
    ...buttons,
    `<g font-family="ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13" xml:space="preserve" fill="${FOREGROUND}">`,
    ...rows.filter((row) => row !== ''),
    '</g>',
    '</svg>',
  ].join('\n')}\n`;
}

/** The lines as they were before the terminal wrapped them. */
function linesOf(screen: Screen): string[] {
  const lines: string[] = [];
  for (const { isWrapped, cells } of screen) {
    const text = cells.map((cell) => cell.text).join('');
    if (isWrapped && lines.length > 0) lines.push(`${lines.pop() ?? ''}${text}`);
    else lines.push(text);
  }
  return lines.map((line) => line.trimEnd());
}

function drawRow(cells: readonly Cell[], y: number): string {
  return runsOf(cells)
    .map(({ text, column, style }) => {
      const x = (PADDING + column * CELL_WIDTH).toFixed(1);
      const length = (text.length * CELL_WIDTH).toFixed(1);
      return `<text x="${x}" y="${y}" textLength="${length}"${style}>${escapeXml(text)}</text>`;
    })
    .join('');
}

interface Run {
  readonly text: string;
  readonly column: number;
  readonly style: string;
}

/** Neighbors of equal style together, without the blanks at both ends. */
function runsOf(cells: readonly Cell[]): Run[] {
  const runs: Run[] = [];
  for (const [column, cell] of cells.entries()) {
    const style = styleOf(cell);
    const last = runs.at(-1);
    if (last?.style === style) runs.splice(-1, 1, { ...last, text: last.text + cell.text });
    else runs.push({ text: cell.text, column, style });
  }
  return runs.flatMap(({ text, column, style }) => {
    const shown = text.trim();
    return shown === '' ? [] : [{ text: shown, column: column + text.indexOf(shown), style }];
  });
}

function styleOf({ color, isBold, isDim }: Cell): string {
  const own = color === null ? undefined : PALETTE[color];
  const fill = isDim ? DIM : own;
  return `${fill === undefined ? '' : ` fill="${fill}"`}${isBold ? ' font-weight="bold"' : ''}`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
