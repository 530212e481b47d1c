declare module 'cloudflare:test' {
  interface ProvidedEnv extends import('./worker.ts').Env {}
}
declare namespace Cloudflare {
  interface Env extends import('./worker.ts').Env {}
  interface GlobalProps {
    mainModule: typeof import('./worker.ts');
  }
}
