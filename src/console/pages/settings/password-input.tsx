// The field of a password. A stored one never reaches the browser: empty keeps it, and a box removes it.

import type { VNode } from 'preact';
import { CheckBox, TextField } from '#console/pages/parts/controls.tsx';
import type { PasswordField } from '#console/saving/forms.ts';
import type { PendingEdits } from './pending.ts';

const TYPED = 'password';
const REMOVED = 'remove-password';

export interface PasswordInputProps {
  readonly pending: PendingEdits;
  readonly isStored: boolean;
  /** Scheme, address or port were edited, so that the stored password would go to another server. */
  readonly isMoved: boolean;
  readonly isDisabled: boolean;
}

export function PasswordInput({ pending, isStored, isMoved, isDisabled }: PasswordInputProps): VNode {
  const isRemoved = pending.isSet(REMOVED, false);
  return (
    <>
      <TextField
        id={TYPED}
        label="Password"
        type="password"
        value={pending.text(TYPED, '')}
        isDisabled={isDisabled || isRemoved}
        onInput={(value) => pending.edit(TYPED, value, '')}
        hint={hintOf(isStored, isMoved)}
      />
      {isStored ? (
        <CheckBox
          id={REMOVED}
          label="Remove the stored password"
          isChecked={isRemoved}
          isDisabled={isDisabled}
          onChange={(value) => pending.edit(REMOVED, value, false)}
        />
      ) : null}
    </>
  );
}

function hintOf(isStored: boolean, isMoved: boolean): string {
  if (!isStored) return 'It is stored in a file that only the service can read.';
  return isMoved
    ? 'Enter the password again: the stored one would be sent to a different server.'
    : 'A password is stored. Leave this empty to keep it.';
}

/** The part of a form. */
export function passwordOf(pending: PendingEdits): { password?: PasswordField } {
  if (pending.isSet(REMOVED, false)) return { password: { kind: 'none' } };
  const text = pending.text(TYPED, '');
  return text === '' ? {} : { password: { kind: 'typed', text } };
}
