#!/usr/bin/env node
import { createRequire } from 'node:module';

// Libraries in CommonJS, bundled into a module, ask for Node's own modules by a `require` that modules do not have.
globalThis.require ??= createRequire(import.meta.url);
const { run } = await import('./run.ts');

// Who reads has enough: `dosql export … | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(1);
});
process.exitCode = await run(process.argv.slice(2), process);
