/* The page: choices, the loop over frames, and two drawings. In its address, ?learner=1&seed=3 and so on choose;
 * ?steps=2000 begins with that many steps; ?steps=2000&report runs them and writes what engine.js says of them. */
"use strict";

const at = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
let engine, steps, running, trouble, owed, measured;
let shown;   // how many steps the lines show
let rows;    // these steps: [heard, truth, prediction]
let history; // [step, error, error of persistence] of every `every`-th step since the beginning, at most 1000
let every;

/* ---- Choices ---- */

/* Sliders of rates go over 1, 2, 3, 5, 10 and so on, from a power of ten on. */
const round = (from, notch) => +`${[1, 2, 3, 5][notch % 4]}e${from + Math.floor(notch / 4)}`;
const notch = (from, value) => Math.round(4 * (Math.log10(value) - from));
const speed = () => round(1, at("speed").value);
const choices = () => ({
    signal: +at("signal").value, cell: +at("cell").value, learner: +at("learner").value, units: +at("units").value,
    ahead: +at("ahead").value, rate: round(-4, at("rate").value), seed: +at("seed").value,
});
const recalls = () => engine.signals[at("signal").value].includes("recall");

const fill = (select, names) => select.append(...names.map((name, index) => new Option(name, index)));

/* Numbers beside the sliders, and the sentence that says what happens. */
function tell() {
    const c = choices();
    const show = { units: c.units, ahead: c.ahead, rate: c.rate, speed: speed().toLocaleString("en") };
    for (const output of document.querySelectorAll("output")) output.value = show[output.htmlFor.value];
    at("ahead").disabled = recalls();
    at("heard-key").hidden = !recalls();
    const units = `${c.units} unit${c.units === 1 ? "" : "s"}`;
    const task = recalls() ? "hears one random step after the other and says what it heard three steps ago"
        : `hears a signal and says what it will hear ${c.ahead} step${c.ahead === 1 ? "" : "s"} later`;
    at("what").textContent = `A network of ${units} ${task}. As soon as it learns the truth, it changes its weights. `
        + "Nothing was trained before, and everything runs in this page.";
}

function begin() {
    steps = owed = 0;
    rows = [];
    shown = recalls() ? 60 : 240;
    history = [];
    every = 8;
    measured = { steps: 0, since: performance.now(), rate: 0 };
    attempt(() => engine.begin(choices()));
    engine.setLearns(at("learns").checked);
    tell();
    draw();
}

/* What the engine refuses is said, and stops it. */
function attempt(action) {
    trouble = "";
    try {
        action();
    } catch (error) {
        trouble = `It stops: ${error.message}`;
    }
    at("trouble").textContent = trouble;
}

/* ---- Steps ---- */

function step() {
    engine.step();
    steps++;
    rows.push(engine.last.slice(0, 3));
    if (rows.length > shown) rows.shift();
    if (steps % every) return;
    history.push([steps, ...engine.errors()]);
    if (history.length < 1000) return;
    every *= 2;
    history = history.filter(([t]) => t % every === 0);
}

/* As many steps as the speed asks for, but no more than half a frame can hold. */
function frame(now) {
    requestAnimationFrame(frame);
    const passed = Math.min(now - (frame.before ?? now), 100);
    frame.before = now;
    if (!running || trouble) return;
    owed = Math.min(owed + speed() * passed / 1000, speed());
    const until = performance.now() + 8;
    attempt(() => {
        for (; owed >= 1 && performance.now() < until; owed--) step();
    });
    const since = performance.now() - measured.since;
    if (since > 1000) measured = { steps, since: performance.now(), rate: (steps - measured.steps) / since * 1000 };
    draw();
}

/* ---- Drawings ---- */

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);

/* A canvas as large as it is on the screen, empty; drawn in its own pixels of CSS. */
function sheet(canvas) {
    const ratio = window.devicePixelRatio || 1, { clientWidth: width, clientHeight: height } = canvas;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = "12px system-ui, sans-serif";
    pen.lineJoin = "round";
    return { pen, width, height };
}

/* points: [x, y] in pixels. A step goes on until the next value, a line straight to it. */
function line(pen, points, name, thick, stepped) {
    pen.strokeStyle = colour(name);
    pen.lineWidth = thick;
    pen.beginPath();
    points.forEach(([x, y], i) => {
        if (stepped && i) pen.lineTo(x, points[i - 1][1]);
        pen.lineTo(x, y);
    });
    pen.stroke();
}

function rule(pen, y, from, to, label) {
    pen.strokeStyle = colour("rule");
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(from, Math.round(y) + 0.5);
    pen.lineTo(to, Math.round(y) + 0.5);
    pen.stroke();
    pen.fillStyle = colour("faint");
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.fillText(label, from - 6, y);
}

const LEFT = 54; // room for the numbers of an axis

function drawLines() {
    const { pen, width, height } = sheet(at("lines"));
    const most = 1.6, y = (v) => height / 2 - Math.max(-most, Math.min(most, v)) / most * (height / 2 - 4);
    const x = (i) => LEFT + (i + shown - rows.length) / (shown - 1) * (width - LEFT - 4);
    for (const v of [-1, 0, 1]) rule(pen, y(v), LEFT, width, String(v).replace("-", "−"));
    const stepped = recalls(), of = (k) => rows.map((row, i) => [x(i), y(row[k])]);
    if (stepped) line(pen, of(0), "heard", 1, true);
    line(pen, of(1), "truth", 1.5, stepped);
    line(pen, of(2), "prediction", 2, stepped);
}

/* Decades from the least error to the largest. */
function drawErrors() {
    const { pen, width, height } = sheet(at("errors"));
    const logs = history.flatMap(([, ...both]) => both).map((e) => Math.log10(Math.max(e, 1e-8)));
    const low = Math.floor(Math.min(-2, ...logs)), high = Math.ceil(Math.max(0.1, ...logs));
    const foot = 18, y = (e) => 6 + (high - Math.log10(Math.max(e, 1e-8))) / (high - low) * (height - foot - 12);
    const x = (t) => LEFT + t / Math.max(steps, 1) * (width - LEFT - 4);
    for (let d = low; d <= high; d++) rule(pen, y(10 ** d), LEFT, width, (10 ** d).toFixed(Math.max(-d, 0)));
    line(pen, history.map(([t, , persistence]) => [x(t), y(persistence)]), "persistence", 2);
    line(pen, history.map(([t, error]) => [x(t), y(error)]), "prediction", 2);
    pen.textBaseline = "bottom";
    pen.fillText(`step ${steps.toLocaleString("en")}`, width - 4, height);
}

function draw() {
    drawLines();
    drawErrors();
    const [error, persistence] = engine.errors();
    const digits = (e) => steps ? e.toPrecision(3) : "–";
    at("steps").textContent = steps.toLocaleString("en");
    at("speed-now").textContent = measured.rate ? Math.round(measured.rate).toLocaleString("en") : "–";
    at("error").textContent = digits(error);
    at("persistence").textContent = digits(persistence);
    at("bytes").textContent = `${(engine.bytes() / 1024).toFixed(1)} KB`;
}

/* ---- Beginning ---- */

function listen() {
    for (const id of ["signal", "cell", "learner", "units", "ahead", "seed"]) at(id).addEventListener("input", begin);
    at("reset").addEventListener("click", begin);
    at("rate").addEventListener("input", () => {
        attempt(() => engine.setRate(choices().rate));
        tell();
    });
    at("speed").addEventListener("input", tell);
    at("learns").addEventListener("change", () => engine.setLearns(at("learns").checked));
    at("go").addEventListener("click", () => {
        running = !running;
        at("go").textContent = running ? "Pause" : "Go on";
    });
    at("controls").addEventListener("submit", (event) => event.preventDefault());
    new ResizeObserver(draw).observe(at("lines"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

/* The engine stands in the page itself, in base 64 (scripts/web-page), so that it opens from a file too. */
async function start() {
    engine = await openEngine(Uint8Array.from(atob(ENGINE), (letter) => letter.charCodeAt(0)));
    fill(at("signal"), engine.signals);
    fill(at("cell"), engine.cells);
    fill(at("learner"), engine.learners);
    const notches = { rate: (value) => notch(-4, value), speed: (value) => notch(1, value) };
    for (const [id, value] of asked) if (at(id)?.form) at(id).value = notches[id]?.(value) ?? value;
    if (asked.has("report")) {
        at("report").hidden = false;
        at("report").textContent = report(engine, choices(), +asked.get("steps"));
        return;
    }
    running = true;
    begin();
    attempt(() => {
        while (steps < +asked.get("steps")) step();
    });
    measured.steps = steps;
    listen();
    requestAnimationFrame(frame);
}

start().catch((error) => at("trouble").textContent = `This page needs WebAssembly: ${error.message}`);
