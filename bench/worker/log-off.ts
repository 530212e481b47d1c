import { logObject, worker } from './log.ts';

export const Bench = logObject('off');

export { worker as default };
