// Invalid or missing arguments, explained in one sentence; exit status 64. This error is also thrown if a command needs
// an answer but there is no terminal.

/** The message is a sentence for the user. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
