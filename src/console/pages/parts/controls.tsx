// The controls of the pages: buttons, fields and dialogs. All are standard HTML elements, so that they work with
// keyboards, screen readers and password managers.

import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { runLater } from '#console/pages/link/browser-clock.ts';
import { announce } from './notes.tsx';

/** Why a person may not press something; null if they may. */
type Hindrance = string | null;

export interface ActionButtonProps {
  readonly children: ComponentChildren;
  readonly onPress: () => void;
  readonly kind?: 'primary' | 'plain' | 'danger' | 'quiet';
  readonly isBusy?: boolean;
  /** If it is not null, the button is disabled and this is its description. */
  readonly hindrance?: Hindrance;
  /** The name for a screen reader, where the text alone is not clear. */
  readonly label?: string;
  readonly isSubmit?: boolean;
}

export function ActionButton(props: ActionButtonProps): VNode {
  const { children, onPress, kind = 'plain', isBusy = false, hindrance = null, label, isSubmit = false } = props;
  const isOff = isBusy || hindrance !== null;
  return (
    <button
      type={isSubmit ? 'submit' : 'button'}
      class={`button ${kind}`}
      aria-disabled={isOff ? 'true' : undefined}
      aria-busy={isBusy ? 'true' : undefined}
      aria-label={label}
      title={hindrance ?? undefined}
      onClick={(event) => {
        if (isOff) event.preventDefault();
        else if (!isSubmit) onPress();
      }}
    >
      {children}
    </button>
  );
}

interface FieldFrame {
  readonly id: string;
  readonly label: string;
  readonly hint?: ComponentChildren;
  readonly problem?: string | null;
}

function describedBy({ id, hint, problem }: FieldFrame): string | undefined {
  const ids = [...(hint === undefined ? [] : [`${id}-hint`]), ...(problem == null ? [] : [`${id}-problem`])];
  return ids.length === 0 ? undefined : ids.join(' ');
}

function HintAndProblem({ id, hint, problem }: FieldFrame): VNode {
  return (
    <>
      {hint === undefined ? null : (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {problem == null ? null : (
        <p class="problem" id={`${id}-problem`}>
          {problem}
        </p>
      )}
    </>
  );
}

export interface TextFieldProps extends FieldFrame {
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly type?: 'text' | 'password' | 'number';
  readonly isDisabled?: boolean;
  /** A width in characters. */
  readonly width?: number;
  readonly unit?: string;
  readonly autocomplete?: string;
  readonly children?: ComponentChildren;
}

export function TextField(props: TextFieldProps): VNode {
  const { id, label, value, onInput, type = 'text', isDisabled = false, width, unit, problem, children } = props;
  return (
    <div class={problem == null ? 'field' : 'field wrong'}>
      <label for={id}>{label}</label>
      <div class="input">
        <input
          id={id}
          {...(type === 'password' ? { type } : { type: 'text' })}
          inputMode={type === 'number' ? 'numeric' : undefined}
          value={value}
          disabled={isDisabled}
          size={width}
          autocomplete={props.autocomplete ?? (type === 'password' ? 'new-password' : 'off')}
          autocapitalize="off"
          spellcheck={false}
          aria-describedby={describedBy(props)}
          aria-invalid={problem == null ? undefined : 'true'}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
        {unit === undefined ? null : <span class="unit">{unit}</span>}
        {children}
      </div>
      <HintAndProblem {...props} />
    </div>
  );
}

export interface CheckBoxProps extends FieldFrame {
  readonly isChecked: boolean;
  readonly onChange: (isChecked: boolean) => void;
  readonly isDisabled?: boolean;
}

export function CheckBox(props: CheckBoxProps): VNode {
  const { id, label, isChecked, onChange, isDisabled = false } = props;
  return (
    <div class="field box">
      <div class="input">
        <input
          id={id}
          type="checkbox"
          checked={isChecked}
          disabled={isDisabled}
          aria-describedby={describedBy(props)}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
        <label for={id}>{label}</label>
      </div>
      <HintAndProblem {...props} />
    </div>
  );
}

interface Choice {
  readonly value: string;
  readonly text: string;
}

export interface ChoiceFieldProps extends FieldFrame {
  readonly value: string;
  readonly choices: readonly Choice[];
  readonly onChange: (value: string) => void;
  readonly isDisabled?: boolean;
}

/** A list to choose one from. */
export function ChoiceField(props: ChoiceFieldProps): VNode {
  const { id, label, value, choices, onChange, isDisabled = false, problem } = props;
  return (
    <div class={problem == null ? 'field' : 'field wrong'}>
      <label for={id}>{label}</label>
      <div class="input">
        <select
          id={id}
          value={value}
          disabled={isDisabled}
          aria-describedby={describedBy(props)}
          onChange={(event) => onChange(event.currentTarget.value)}
        >
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.text}
            </option>
          ))}
        </select>
      </div>
      <HintAndProblem {...props} />
    </div>
  );
}

export interface ModalDialogProps {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly onClose: () => void;
  readonly isWide?: boolean;
}

/** A question above the page. Escape and the button of the caller close it; the focus then returns to where it was. */
export function ModalDialog({ title, children, onClose, isWide = false }: ModalDialogProps): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    const shown = dialog.current;
    shown?.showModal();
    return () => {
      shown?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={isWide ? 'wide' : undefined}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}

const COPIED_MS = 2_000;

/** A text to copy, such as a command. */
export function CopyBox({ text, label, isTall = false }: { text: string; label: string; isTall?: boolean }): VNode {
  return (
    <div class={isTall ? 'copy-box tall' : 'copy-box'}>
      {isTall ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1)
        <section tabIndex={0} aria-label={label}>
          <pre>{text}</pre>
        </section>
      ) : (
        <pre>{text}</pre>
      )}
      <CopyButton text={text} label={label} />
    </div>
  );
}

export function CopyButton({
  text,
  label,
  children = 'Copy',
}: {
  text: string;
  label: string;
  children?: string;
}): VNode {
  const [said, setSaid] = useState<string | null>(null);
  useEffect(() => (said === null ? undefined : runLater(COPIED_MS, () => setSaid(null))), [said]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('Copied');
      announce('Copied.');
    } catch {
      setSaid('Not allowed');
      announce('The browser does not allow copying. Select the text instead.');
    }
  };
  return (
    <ActionButton
      kind="quiet"
      label={said === null ? `${children}: ${label}` : `${said}: ${label}`}
      onPress={() => void copy()}
    >
      {said ?? children}
    </ActionButton>
  );
}
