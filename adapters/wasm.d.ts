// Modules that are not TypeScript: wrangler imports .wasm files as compiled modules, and libpg-query ships its Emscripten
// glue without types. Only what adapters/libpg-query.ts uses is declared.
declare module 'libpg-query/wasm/libpg-query.wasm' {
  const module: WebAssembly.Module;
  export default module;
}

declare module 'libpg-query/wasm/libpg-query.js' {
  const factory: import('./libpg-query.ts').LibPgQueryFactory;
  export default factory;
}
