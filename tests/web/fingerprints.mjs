// All fingerprints of docs/bits.md by WebAssembly, which takes a minute: cmake --build build-web --target fingerprints,
// then node tests/web/fingerprints.mjs build-web/fingerprints.wasm tests/core/fingerprints.txt. Exit code 1 if one differs.
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const [program, file] = process.argv.slice(2);
const wasi = new WASI({ version: "preview1", args: ["fingerprints", "1", "/file"], preopens: { "/": "." }, env: {} });
const module = await WebAssembly.compile(readFileSync(program));
process.exitCode = wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()));
