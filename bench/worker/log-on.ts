import { logObject, worker } from './log.ts';

export const Bench = logObject('on');

export { worker as default };
