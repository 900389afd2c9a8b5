// Loaded before the program by tests: standard input and standard error count as a terminal, so the program asks
// questions.

for (const stream of [process.stdin, process.stderr]) Object.defineProperty(stream, 'isTTY', { value: true });
