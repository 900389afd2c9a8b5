// Standard input and error are a terminal as far as the program can see, so that it asks.

for (const stream of [process.stdin, process.stderr]) Object.defineProperty(stream, 'isTTY', { value: true });
