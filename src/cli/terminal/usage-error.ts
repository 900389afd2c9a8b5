// Invalid or missing arguments, explained in one sentence; exit status 64. Also thrown if a command needs an answer and
// there is no terminal to ask at.

/** The message is a sentence for the user. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
