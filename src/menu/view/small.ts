// Draws the screens for a display of 16 columns and 2 rows. Pure.

import type { FieldState } from '#menu/model/field.ts';
import { FAILURE_ITEMS, type MenuState, SIZES, type TriedStage } from '#menu/model/screens.ts';
import { setupItems } from '#menu/model/setup.ts';
import { visibleLines, wrapText } from '#menu/model/text.ts';
import { showField } from './fields.ts';
import type { Frame } from './frame-type.ts';
import { FIELD_LABELS, screenTitle, stageRows } from './labels.ts';

const { columns: COLUMNS, rows: ROWS } = SIZES['16x2'];

export function smallFrame(state: MenuState): Frame {
  const { screen } = state;
  switch (screen.kind) {
    case 'setup':
      return listItem(screenTitle(state), setupItems(state)[screen.index] ?? '');
    case 'choices':
      return listItem(screenTitle(state), FAILURE_ITEMS[screen.index] ?? '');
    case 'pin':
      return screen.note === '' || !screen.field.isKept ? fieldRows(screen.field) : words(screen.note);
    case 'field':
    case 'activation':
      return fieldRows(screen.field);
    case 'notice':
    case 'failed':
    case 'outcome':
      return { lines: visibleLines(state, screen), cursor: null };
    case 'gateway':
      return { lines: [gatewayQuestion(state), 'REALLY A PROXY?'], cursor: null };
    case 'working':
      return working(screen.stages.at(-1), screenTitle(state));
    default:
      return words(screenTitle(state));
  }
}

function working(stage: TriedStage | undefined, title: string): Frame {
  return stage === undefined ? words(title) : { lines: [...stageRows(stage)], cursor: null };
}

function words(text: string): Frame {
  return { lines: wrapText(text, COLUMNS).slice(0, ROWS), cursor: null };
}

/** `EXCLAMATION MARK AT 255 NOT ALLOWED` has three rows, and `NO EXCLAMATION MARK AT 255` two. */
function shorten(error: string): string {
  return wrapText(error, COLUMNS).length <= ROWS ? error : `NO ${error.replace(/ NOT ALLOWED$/, '')}`;
}

/** The question of the large display has three rows here, and an address can have 15 characters. */
function gatewayQuestion({ draft }: MenuState): string {
  const host = draft?.answers.host ?? draft?.shown.host ?? '';
  const question = `IS ${host}`;
  return question.length > COLUMNS ? host : question;
}

/** An item that is too long for one row takes both. */
function listItem(title: string, item: string): Frame {
  return { lines: item.length > COLUMNS ? wrapText(item, COLUMNS) : [title, item], cursor: null };
}

function fieldRows(field: FieldState): Frame {
  if (field.error !== null) return words(shorten(field.error.short));
  const { text, cursor } = showField(field, COLUMNS);
  return { lines: [FIELD_LABELS[field.name], text], cursor: { row: 1, column: cursor } };
}
