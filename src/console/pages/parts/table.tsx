// A table that becomes a list of cards on a narrow screen, where each value has the heading of its column in front of it.

import type { ComponentChildren, VNode } from 'preact';

interface Column<Item> {
  readonly heading: string;
  readonly cell: (item: Item) => ComponentChildren;
  /** The column that names the row. */
  readonly isName?: boolean;
  readonly isNumber?: boolean;
  /** The heading is for screen readers only, such as that of a column of buttons. */
  readonly isHeadingHidden?: boolean;
}

export interface DataTableProps<Item> {
  readonly caption: string;
  readonly columns: readonly Column<Item>[];
  readonly items: readonly Item[];
  readonly keyOf: (item: Item) => string;
}

/** The roles are given because a browser drops those of a table whose display is not that of a table. */
export function DataTable<Item>({ caption, columns, items, keyOf }: DataTableProps<Item>): VNode {
  return (
    <table class="data" role="table">
      <caption class="unseen">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ heading, isNumber, isHeadingHidden }) => (
            <th key={heading} role="columnheader" scope="col" class={isNumber === true ? 'number' : undefined}>
              {isHeadingHidden === true ? <span class="unseen">{heading}</span> : heading}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {items.map((item) => (
          <tr key={keyOf(item)} role="row">
            {columns.map((column) => (
              <DataCell key={column.heading} column={column} item={item} />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function DataCell<Item>({ column, item }: { column: Column<Item>; item: Item }): VNode {
  const { heading, cell, isName, isNumber, isHeadingHidden } = column;
  const content = (
    <>
      {isHeadingHidden === true ? null : (
        <span class="card-heading" aria-hidden="true">
          {heading}
        </span>
      )}
      <span class="card-value">{cell(item)}</span>
    </>
  );
  const className = isNumber === true ? 'number' : undefined;
  return isName === true ? (
    <th role="rowheader" scope="row" class={className}>
      {content}
    </th>
  ) : (
    <td role="cell" class={className}>
      {content}
    </td>
  );
}
