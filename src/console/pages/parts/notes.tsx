// Failures and notices. A failure has its code, its sentence and what to check, in the words of the commands.

import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export interface ShownProblem {
  readonly code: string;
  readonly message: string;
  readonly check?: string;
}

/** One failure in the text of a page. */
export function ProblemNote({ problem, children }: { problem: ShownProblem; children?: ComponentChildren }): VNode {
  return (
    <div class="note bad">
      <p>
        <code class="code">{problem.code}</code> {problem.message}
      </p>
      {problem.check === undefined || problem.check === '' ? null : <p class="check">{problem.check}</p>}
      {children}
    </div>
  );
}

/** Something that an admin should know or do. */
export function Notice({
  tone = 'plain',
  title,
  children,
}: {
  tone?: 'plain' | 'good' | 'warning' | 'bad';
  title?: string;
  children?: ComponentChildren;
}): VNode {
  return (
    <div class={`note ${tone}`}>
      {title === undefined ? null : <p class="note-title">{title}</p>}
      {children}
    </div>
  );
}

interface FieldProblem {
  /** The id of the field; null for a problem of the whole form. */
  readonly field: string | null;
  readonly text: string;
}

/** Everything that is wrong with a form, with links to the fields. It gets the focus when it appears. */
export function ProblemSummary({ title, problems }: { title: string; problems: readonly FieldProblem[] }): VNode {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.focus(), [problems]);
  return (
    <div ref={box} class="note bad summary" role="alert" tabIndex={-1} aria-labelledby="problem-summary">
      <h2 id="problem-summary">{title}</h2>
      <ul>
        {problems.map(({ field, text }) => (
          <li key={`${field} ${text}`}>
            {field === null ? (
              text
            ) : (
              <a
                href={`#${field}`}
                onClick={(event) => {
                  event.preventDefault();
                  document.getElementById(field)?.focus();
                }}
              >
                {text}
              </a>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

const listeners = new Set<(text: string) => void>();

/** Has a screen reader say this once, politely. */
export function announce(text: string): void {
  for (const listener of listeners) listener(text);
}

/** The place in the page from which announcements are read. The shell has one. */
export function Announcer(): VNode {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const listener = (text: string) => {
      if (place.current !== null) place.current.textContent = text;
    };
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, []);
  return <div ref={place} class="unseen" role="status" aria-live="polite" />;
}
