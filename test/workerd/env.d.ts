type TestEnv = import('./worker.ts').Env;
type TestModule = typeof import('./worker.ts');

declare namespace Cloudflare {
  interface Env extends TestEnv {}
  interface GlobalProps {
    mainModule: TestModule;
  }
}
