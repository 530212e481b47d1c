import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The files of the vega-datasets package (BSD-3-Clause). */
const folder = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '../data');

export const fileOf = (name: string) => join(folder, name);
