import { logObject, worker } from './log.ts';

export const Bench = logObject('keyed');

export { worker as default };
