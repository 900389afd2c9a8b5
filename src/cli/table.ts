// Columns for people: as wide as their widest cell, two spaces apart, no trailing space. Pure. Numbers go right.

/** Lays out rows under their heads; a cell is foreign text made safe by the caller. */
export function layTable(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => String(row[column] ?? '').length)),
  );
  const line = (cells: readonly (string | number)[]) =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(heads), ...rows.map(line)];
}
