// Reads answers at the terminal, and piped input. Questions go to stderr, so that stdout contains only the result of
// the command. The answer to a hidden question is not shown while it is typed. Ctrl-C or Ctrl-D ends a question.

import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { onAbort } from '#system/abort.ts';

/** Input from a person or a pipe. */
export interface Answers {
  /** Whether stdin and stderr are a terminal, so that a person can see and answer questions. */
  readonly interactive: boolean;
  /** One line, without its line end; null after Ctrl-C or Ctrl-D. */
  line(question: string): Promise<string | null>;
  /** The same, not shown while it is typed. */
  hidden(question: string): Promise<string | null>;
  /** Waits for ENTER or Ctrl-C, without a question. False if the signal was aborted first. */
  enter(signal: AbortSignal): Promise<boolean>;
  /** The piped input, cut to at most `limitBytes`. */
  piped(limitBytes: number): Promise<string>;
  /** Key presses; null without a terminal. */
  readonly keys: KeyInput | null;
  /** Standard input as it comes, of any length. */
  bytes(): AsyncIterable<Uint8Array>;
}

/**
 * Delivers the bytes of each key press, without echo. `onEnd` is called when the terminal is gone. Returns a function that
 * ends the delivery and restores the terminal.
 */
type KeyInput = (onBytes: (bytes: Uint8Array) => void, onEnd: () => void) => () => void;

/** The input of this process. */
export function processAnswers(): Answers {
  const canType = () => process.stdin.isTTY === true;
  return {
    // Most commands ask nothing. They do not wait until the stream of standard input is made.
    get interactive() {
      return canType() && process.stderr.isTTY === true;
    },
    line: (question) => ask(question, true),
    hidden: (question) => ask(question, false),
    enter: waitForEnter,
    piped: readPiped,
    get keys() {
      return canType() && process.stdout.isTTY === true ? readKeys : null;
    },
    bytes: () => process.stdin,
  };
}

function ask(question: string, isShown: boolean): Promise<string | null> {
  const { stdin, stderr } = process;
  return new Promise((resolve) => {
    // The line editor echoes what is typed to `output`, so a hidden answer is echoed to a stream that drops it. Without
    // a history, the arrow keys do not bring back earlier answers.
    const output = isShown ? stderr : new Writable({ write: (_chunk, _encoding, done) => done() });
    const editor = createInterface({ input: stdin, output, terminal: true, historySize: 0 });
    let answer: string | null = null;
    editor.once('SIGINT', () => editor.close());
    editor.once('close', () => {
      if (!isShown) stderr.write('\n');
      resolve(answer);
    });
    // The terminal itself no longer echoes, so text typed as soon as the question appears stays hidden.
    if (!isShown) stderr.write(question);
    editor.question(isShown ? question : '', (text) => {
      answer = text;
      editor.close();
    });
  });
}

function waitForEnter(signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const output = new Writable({ write: (_chunk, _encoding, done) => done() });
    const editor = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
    let isPressed = false;
    const press = () => {
      isPressed = true;
      editor.close();
    };
    editor.once('line', press);
    editor.once('SIGINT', press);
    editor.once('close', () => resolve(isPressed));
    onAbort(signal, () => editor.close());
  });
}

function readKeys(onBytes: (bytes: Uint8Array) => void, onEnd: () => void): () => void {
  const { stdin } = process;
  // A lost terminal ends the input or fails it with EIO.
  stdin.on('data', onBytes).once('end', onEnd).on('error', onEnd).setRawMode(true);
  return () => {
    stdin.off('data', onBytes).off('end', onEnd).pause();
    if (!stdin.destroyed) stdin.setRawMode(false);
  };
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
