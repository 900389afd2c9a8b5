// The program takes standard input and error for a terminal, so it asks questions.

for (const stream of [process.stdin, process.stderr]) Object.defineProperty(stream, 'isTTY', { value: true });
