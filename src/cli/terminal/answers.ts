// What a person answers at the terminal, and what is piped in. Questions go to stderr, so that stdout stays the answer of
// the command; the answer to a hidden one is not shown while it is typed. A wait for a person ends with Ctrl-C or Ctrl-D.

import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

/** The way in. */
export interface Answers {
  /** Whether somebody sits there who sees questions and can answer. */
  readonly interactive: boolean;
  /** One line, without its end; null when the person is gone (Ctrl-D, Ctrl-C). */
  line(question: string): Promise<string | null>;
  /** The same, not shown while it is typed. */
  hidden(question: string): Promise<string | null>;
  /** All that is piped in, of at most so many bytes; more is cut. */
  piped(limitBytes: number): Promise<string>;
}

/** The answers that this process gets. */
export function processAnswers(): Answers {
  const { stdin, stderr } = process;
  return {
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    line: (question) => ask(question, true),
    hidden: (question) => ask(question, false),
    piped: readPiped,
  };
}

function ask(question: string, isShown: boolean): Promise<string | null> {
  const { stdin, stderr } = process;
  return new Promise((resolve) => {
    // The line editor shows what is typed; where it shows it to nobody it is hidden. No history: nothing that was typed
    // comes back with the arrow keys.
    const output = isShown ? stderr : new Writable({ write: (_chunk, _encoding, done) => done() });
    const editor = createInterface({ input: stdin, output, terminal: true, historySize: 0 });
    let answer: string | null = null;
    editor.once('SIGINT', () => editor.close());
    editor.once('close', () => {
      if (!isShown) stderr.write('\n');
      resolve(answer);
    });
    // The terminal itself shows nothing from here on, so what is typed the moment the question appears stays hidden.
    if (!isShown) stderr.write(question);
    editor.question(isShown ? question : '', (text) => {
      answer = text;
      editor.close();
    });
  });
}

async function readPiped(limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk as Uint8Array);
    chunks.push(bytes);
    length += bytes.length;
    if (length > limitBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, limitBytes).toString('utf8');
}
