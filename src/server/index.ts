export type { Grant, Limits } from './grant.ts';
export {
  type Auth,
  createHandler,
  type DatabaseSource,
  type Handler,
  type HandlerOptions,
} from './handler.ts';
export type { WireError } from './respond.ts';
export type { Tail } from './tail-socket.ts';
export { type Algorithm, issueToken, type TokenAuth, type TokenOptions } from './token.ts';
