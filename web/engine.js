/* The engine of engine.c, for the page and for node: openEngine(bytes of engine.wasm) promises its calls. */
"use strict";

globalThis.openEngine = async (bytes) => {
    // Nothing of an operating system is called: what the C library would ask for answers that it cannot be had.
    const module = await WebAssembly.compile(bytes);
    const imports = {};
    const notThere = () => 52; // ENOSYS
    for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = notThere;
    const { exports: call } = await WebAssembly.instantiate(module, imports);

    const text = (at) => {
        const memory = new Uint8Array(call.memory.buffer);
        return new TextDecoder().decode(memory.subarray(at, memory.indexOf(0, at)));
    };
    // All names of a list of engine.c, which ends with NULL.
    const names = (list) => {
        const all = [];
        for (let at = list(0); at; at = list(all.length)) all.push(text(at));
        return all;
    };
    const must = (failed) => {
        if (failed) throw new Error(text(call.web_message()));
    };
    const last = new Float32Array(call.memory.buffer, call.web_last(), 4); // web_row; the memory never grows

    return {
        signals: names(call.web_signal),
        cells: names(call.web_cell),
        learners: names(call.web_learner),
        begin: (c) => must(call.web_begin(c.signal, c.cell, c.learner, c.units, c.ahead, c.rate, c.seed)),
        setRate: (rate) => must(call.web_rate(rate)),
        setLearns: (learns) => call.web_learns(learns),
        step: () => must(call.web_step()),
        last, // heard, truth, prediction, persistence
        errors: () => [call.web_error(), call.web_persistence()],
        digest: () => call.web_digest() >>> 0,
        bytes: () => call.web_bytes(),
    };
};

/* The line that tests/web/report.c prints: what `steps` steps of these choices came to, to the last bit. */
globalThis.report = (engine, c, steps) => {
    engine.begin(c);
    for (let t = 0; t < steps; t++) engine.step();
    const bits = (x) => new BigUint64Array(new Float64Array([x]).buffer)[0].toString(16).padStart(16, "0");
    const digest = engine.digest().toString(16).padStart(8, "0");
    return `${engine.signals[c.signal]}, ${engine.cells[c.cell]}, ${engine.learners[c.learner]}, ${c.units} units, `
        + `${c.ahead} ahead, rate ${c.rate}, seed ${c.seed}, ${steps} steps: digest ${digest}, `
        + `errors ${engine.errors().map(bits).join(" ")}`;
};
