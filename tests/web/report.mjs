// The engine in node: report.mjs engine.wasm SIGNAL CELL LEARNER UNITS AHEAD RATE SEED STEPS. Says what report.c says.
import { readFileSync } from "node:fs";
import "../../web/engine.js";

const [signal, cell, learner, units, ahead, rate, seed, steps] = process.argv.slice(3).map(Number);
const engine = await openEngine(readFileSync(process.argv[2]));
const began = performance.now();
console.log(report(engine, { signal, cell, learner, units, ahead, rate, seed }, steps));
console.error(`${Math.round(steps / (performance.now() - began) * 1000)} steps a second`);
