#!/usr/bin/env node
import { createRequire } from 'node:module';

// Libraries in CommonJS, bundled into a module, ask for Node's own modules by a `require` that modules do not have.
globalThis.require ??= createRequire(import.meta.url);
const { run } = await import('./run.ts');

process.exitCode = await run(process.argv.slice(2), process);
