/*
 * The verbs of the tape: written step by step is written whole, judged late is judged at once, dE/dy from outside is
 * the loss, bit for bit, for every cell and preset and any number of steps; dE/dx and dE/ds are central differences;
 * what cannot be is refused.
 */
#include "handles.h"

#include "credit/catalogues.h"

static const char *const cells[] = {
    "cell.name=rate network.units=5",
    "cell.name=rate-pre network.units=4,3",
    "cell.name=lstm network.units=3 readout.kappa=0.6",
    "cell.name=gru network.units=4 network.initial=learned",
    "cell.name=lif network.units=9 cell.v_th=0.05 cell.refractory=1",
    "cell.name=alif network.units=9 cell.v_th=0.05 readout.kappa=0.7 readout.bias_place=inside",
    "network.units=4,3 network.reads=below,below+input readout.reads=top+input cell.alpha=0.5",
};

enum { STEPS = 15, TAPE = 5, BATCH = 2, INPUTS = 3, OUTPUTS = 6 };

/* How a tape comes about. */
typedef enum manner { WHOLE, BY_STEP, BY_STEP_AND_READ, LATE, SECOND_STEP_LOST } manner;

static hth_inputs inputs_of(const law_rig *rig, size_t from, size_t steps) {
    const hth_chunk c = law_cut(rig, from, steps);
    return (hth_inputs){.steps = steps,
                        .batch = c.batch,
                        .x = c.x,
                        .tokens = c.tokens,
                        .ends = from + steps == rig->what.steps};
}

static hth_verdict verdict_of(const law_rig *rig, size_t start, size_t from, size_t steps) {
    const hth_chunk c = law_cut(rig, start + from, steps);
    return (hth_verdict){.from = from,
                         .steps = steps,
                         .targets = c.targets,
                         .classes = c.classes,
                         .weights = c.weights};
}

/* The caller's arrays are gone when the call is over. */
static void write_copy(const law_rig *rig, hth_tape *tape, size_t from, size_t steps) {
    hth_error error;
    hth_inputs in = inputs_of(rig, from, steps);
    const size_t items = steps * in.batch, numbers = items * rig->what.inputs;
    hth_real *x = in.x ? malloc(numbers * sizeof *x) : NULL;
    int32_t *tokens = in.tokens ? malloc(items * sizeof *tokens) : NULL;
    if (x) in.x = memcpy(x, in.x, numbers * sizeof *x);
    if (tokens) in.tokens = memcpy(tokens, in.tokens, items * sizeof *tokens);
    must(hth_tape_write(tape, &in, &error), &error);
    free(x);
    free(tokens);
}

static void judge(law_rig *rig, hth_tape *tape, size_t start, size_t from, size_t steps) {
    hth_error error;
    const hth_verdict v = verdict_of(rig, start, from, steps);
    must(hth_tape_judge(tape, &v, &rig->report, &error), &error);
}

/* One tape of `steps` steps from `start` on, written and judged. */
static void fill(law_rig *rig, hth_tape *tape, size_t start, size_t steps, manner how) {
    hth_error error;
    if (how == WHOLE) {
        hth_chunk cut = law_cut(rig, start, steps);
        cut.ends = start + steps == rig->what.steps;
        must(hth_forward(tape, &cut, &rig->report, &error), &error);
        return;
    }
    hth_real y[BATCH * 300];
    const size_t length = hth_tape_length(tape), stay = tape->keep < length ? tape->keep : length;
    must(hth_tape_slide(tape, length - stay, &error), &error);
    if (stay == 0) hth_tape_begin(tape);
    const size_t first = start - stay; /* the data of the oldest step */
    for (size_t t = stay; t < stay + steps; t++) {
        write_copy(rig, tape, first + t, 1);
        if (how == BY_STEP_AND_READ) must(hth_tape_read(tape, t, 1, y, &error), &error);
        if (how == BY_STEP || how == BY_STEP_AND_READ || (how == SECOND_STEP_LOST && t != stay + 1))
            judge(rig, tape, first, t, 1);
    }
    for (size_t t = stay + steps; how == LATE && t > stay; t -= t < stay + 3 ? 1 : 2) {
        const size_t few = t < stay + 3 ? 1 : 2;
        judge(rig, tape, first, t - few, few);
    }
}

/* The gradient and the state after all tapes of one sequence. */
typedef struct result {
    hth_real *gradient;
    double loss, spikes, regulariser;
} result;

static result run(law_rig *rig, const char *learner, size_t K, manner how) {
    hth_error error;
    handles h = handles_make(rig, learner, K);
    result out = {0};
    rig->report = (hth_report){0};
    handles_reset(&h);
    for (size_t t = 0; t < rig->what.steps; t += K) {
        fill(rig, h.tape, t, rig->what.steps - t < K ? rig->what.steps - t : K, how);
        must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
    }
    out.gradient = malloc(rig->count * sizeof *out.gradient);
    memcpy(out.gradient, hth_gradient_values(h.gradient), rig->count * sizeof *out.gradient);
    out.loss = rig->report.loss;
    out.spikes = rig->report.spikes;
    out.regulariser = rig->report.regulariser;
    handles_drop(&h);
    return out;
}

static bool same(const law_rig *rig, const result *a, const result *b) {
    return memcmp(a->gradient, b->gradient, rig->count * sizeof *a->gradient) == 0 &&
           fabs(a->loss - b->loss) <= 1e-6 * fabs(a->loss) && a->spikes == b->spikes &&
           a->regulariser == b->regulariser;
}

/* Whether the preset has a meaning here; then every manner gives the bits of the first. */
static bool compare_manners(law_rig *rig, const char *learner, size_t K) {
    static const manner manners[] = {BY_STEP, BY_STEP_AND_READ, LATE};
    hth_error error;
    handles h;
    if (handles_try(rig, learner, K, 1, &h, &error) != HTH_OK) return false;
    hth_learner_destroy(h.learner);
    const result whole = run(rig, learner, K, WHOLE);
    for (size_t i = 0; i < HTH_COUNT(manners); i++) {
        const result other = run(rig, learner, K, manners[i]);
        if (!same(rig, &whole, &other))
            fail_msg("%s, %s, K = %zu: manner %d differs", rig->what.settings, learner, K,
                     (int)manners[i]);
        free(other.gradient);
    }
    if (K > 1) {
        const result lost = run(rig, learner, K, SECOND_STEP_LOST);
        assert_false(same(rig, &whole, &lost));
        free(lost.gradient);
    }
    law_assert_alive(rig);
    free(whole.gradient);
    return true;
}

static void test_every_cell_and_preset(void **state) {
    size_t compared = 0;
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cells); c++)
        for (size_t l = 0; l < hth_learners.count; l++)
            for (size_t K = 1; K <= TAPE; K += TAPE - 1) {
                char learner[128];
                const law_case what = {cells[c],   c == 2 ? 0 : INPUTS, c == 2 ? 7 : 0,
                                       OUTPUTS,    STEPS + 1,           BATCH,
                                       c % 2 == 0, c % 3 == 0};
                law_case fitting = what;
                char settings[256];
                law_rig rig;
                snprintf(settings, sizeof settings, "%s%s", cells[c],
                         c == 2 ? " network.embedding=3" : "");
                fitting.settings = settings;
                law_setup(&rig, &fitting);
                snprintf(learner, sizeof learner, "learner.name=%s", hth_learners.at(l)->name);
                compared += compare_manners(&rig, learner, K);
                law_teardown(&rig);
            }
    assert_true(compared > 100);
}

/* Few and many outputs (sums along z; products; tiles), and one item alone. */
static void test_every_readout(void **state) {
    static const law_case all[] = {
        {"cell.name=rate network.units=5", 3, 0, 2, 11, 2, false, true},
        {"cell.name=rate network.units=5", 3, 0, 300, 11, 2, true, true},
        {"cell.name=rate network.units=5 readout.kappa=0.5", 3, 0, 300, 11, 2, true, false},
        {"cell.name=rate network.units=5", 3, 0, 20, 11, 1, true, false},
        {"cell.name=lif network.units=20 cell.v_th=0.05 regulariser.rate=0.3", 3, 0, 4, 11, 2, true,
         false},
        {"cell.name=alif network.units=20 cell.v_th=0.05 network.events=always loss.time=window", 3,
         0, 4, 11, 2, true, true},
    };
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(all); c++) {
        law_rig rig;
        law_setup(&rig, &all[c]);
        assert_true(compare_manners(&rig, "learner.name=tbptt", 4));
        assert_true(compare_manners(&rig, "learner.name=tbptt", 11));
        law_teardown(&rig);
    }
}

/* dE/dy = y - y*, by the caller; `off` times that is another loss. */
static result by_errors(law_rig *rig, const char *learner, size_t K, hth_real off) {
    const size_t batch = rig->what.batch, outputs = rig->what.outputs;
    hth_error error;
    handles h = handles_make(rig, learner, K);
    hth_real *y = malloc(K * batch * outputs * sizeof *y);
    result out = {.gradient = malloc(rig->count * sizeof *out.gradient)};
    handles_reset(&h);
    for (size_t start = 0; start < rig->what.steps; start += K) {
        const size_t left = rig->what.steps - start, steps = left < K ? left : K;
        const hth_real *targets = law_cut(rig, start, steps).targets;
        hth_tape_begin(h.tape);
        write_copy(rig, h.tape, start, steps);
        must(hth_tape_read(h.tape, 0, steps, y, &error), &error);
        for (size_t i = 0; i < steps * batch * outputs; i++) y[i] = off * (y[i] - targets[i]);
        const hth_verdict v = {.steps = steps, .errors = y};
        must(hth_tape_judge(h.tape, &v, &rig->report, &error), &error);
        must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
    }
    memcpy(out.gradient, hth_gradient_values(h.gradient), rig->count * sizeof *out.gradient);
    free(y);
    handles_drop(&h);
    return out;
}

static void test_errors_from_outside(void **state) {
    static const char *const learners[] = {"learner.name=tbptt", "learner.name=rtrl",
                                           "learner.name=eprop1", "learner.name=rflo",
                                           "learner.name=uoro"};
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cells); c++)
        for (size_t l = 0; l < HTH_COUNT(learners); l++) {
            char settings[256];
            snprintf(settings, sizeof settings, "%s loss.name=mse loss.batch=sum loss.time=sum",
                     cells[c]);
            const law_case what = {settings, INPUTS, 0, OUTPUTS, STEPS, BATCH, false, false};
            law_rig rig;
            handles h;
            hth_error error;
            law_setup(&rig, &what);
            if (handles_try(&rig, learners[l], TAPE, 1, &h, &error) == HTH_OK) {
                hth_learner_destroy(h.learner);
                const result theirs = run(&rig, learners[l], TAPE, WHOLE);
                const result ours = by_errors(&rig, learners[l], TAPE, 1);
                const result other = by_errors(&rig, learners[l], TAPE, HTH_C(1.001));
                const size_t bytes = rig.count * sizeof *ours.gradient;
                assert_memory_equal(theirs.gradient, ours.gradient, bytes);
                assert_true(memcmp(theirs.gradient, other.gradient, bytes) != 0);
                free(theirs.gradient);
                free(ours.gradient);
                free(other.gradient);
            }
            law_teardown(&rig);
        }
}

/* ---- dE/dx and dE/ds ---- */

static void assert_near(const char *what, const char *settings, double ours, double differences,
                        double largest) {
    if (!(fabs(ours - differences) <= 1e-7 * largest + 1e-10))
        fail_msg("%s, %s: %.12g, but differences say %.12g", settings, what, ours, differences);
}

static double difference_of(law_rig *rig, hth_real *at) {
    const double h = 2e-4;
    const hth_real keep = *at;
    double f[4];
    for (int k = 0; k < 4; k++) {
        static const double steps[] = {-2, -1, 1, 2};
        *at = keep + (hth_real)(steps[k] * h);
        f[k] = law_loss(rig);
    }
    *at = keep;
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h);
}

/* dE/dx of the whole sequence by bptt against central differences, and dE/ds of the start against the gradient of a
 * learned start, which is their sum over the batch. */
static void assert_inputs(const char *settings) {
    const law_case what = {settings, INPUTS, 0, OUTPUTS, 9, BATCH, false, true};
    law_rig rig;
    hth_error error;
    hth_view view;
    law_setup(&rig, &what);
    rig.chunk.ends = true;
    handles h = handles_make(&rig, "learner.name=bptt learner.inputs=true", 9);
    fill(&rig, h.tape, 0, 9, WHOLE);
    must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
    must(hth_learner_inputs(h.learner, &view, &error), &error);
    double largest = 0, wrong = 0;
    for (size_t i = 0; i < 9 * BATCH * INPUTS; i++)
        largest = fmax(largest, fabs((double)view.data[i]));
    assert_true(view.steps == 9 && view.batch == BATCH && view.units == INPUTS && largest > 1e-3);
    for (size_t i = 0; i < 9 * BATCH * INPUTS; i++) {
        hth_real *x = (hth_real *)rig.chunk.x + i;
        const double differences = difference_of(&rig, x), ours = (double)view.data[i];
        assert_near("dE/dx", settings, ours, differences, largest);
        wrong = fmax(wrong, fabs((double)view.data[(i + 1) % (9 * BATCH * INPUTS)] - differences));
    }
    assert_true(wrong > 1e-3 * largest); /* another step's number is seen */
    handles_drop(&h);
    law_teardown(&rig);
}

static void test_inputs(void **state) {
    static const char *const all[] = {
        "cell.name=rate network.units=5",
        "cell.name=lstm network.units=3,4 readout.kappa=0.4",
        "cell.name=gru network.units=4 network.direction=both",
        ("cell.name=gru network.units=4,3 network.reads=backward,below+input "
         "readout.reads=top+input readout.kappa=0.5"),
        "cell.name=rate network.units=4,3 network.reads=backward,input cell.alpha=0.6",
        "cell.name=alif network.units=4 cell.spike=smooth cell.reset_gradient=true cell.v_th=0.3 "
        "network.self_connections=true",
    };
    (void)state;
    if (sizeof(hth_real) == sizeof(float)) return; /* differences of floats prove little */
    for (size_t i = 0; i < HTH_COUNT(all); i++) assert_inputs(all[i]);
}

static void test_start(void **state) {
    static const struct {
        const char *settings, *states[3];
        bool joined; /* z is the state: its gradient is the sum of both */
    } all[] = {{"cell.name=gru network.units=4 network.initial=learned", {"h", "z"}, true},
               {"cell.name=lstm network.units=4 network.initial=learned", {"c", "z"}, false},
               {"cell.name=rate network.units=4 network.initial=learned", {"r", "z"}, true}};
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(all); c++) {
        const law_case what = {all[c].settings, INPUTS, 0, OUTPUTS, 9, BATCH, false, false};
        law_rig rig;
        hth_error error;
        law_setup(&rig, &what);
        handles h = handles_make(&rig, "learner.name=bptt learner.inputs=true", 9);
        fill(&rig, h.tape, 0, 9, WHOLE);
        must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
        const hth_layer *layer = &rig.network->layers[0];
        const hth_real *g = hth_gradient_values(h.gradient) + layer->initial;
        double alive = 0;
        for (size_t j = 0; j < layer->n; j++) {
            double sum[2] = {0};
            for (size_t s = 0; s < 2; s++) {
                hth_view view;
                must(hth_learner_start(h.learner, 0, all[c].states[s], &view, &error), &error);
                for (size_t b = 0; b < BATCH; b++)
                    sum[s] += (double)view.data[b * view.item_stride + j];
                alive += fabs(sum[s]);
            }
            const double first = all[c].joined ? sum[0] + sum[1] : sum[0];
            assert_true(fabs(first - (double)g[j]) < tolerance(1e-13, 1e-5));
            if (!all[c].joined)
                assert_true(fabs(sum[1] - (double)g[layer->n + j]) < tolerance(1e-13, 1e-5));
        }
        assert_true(alive > 1e-3);
        handles_drop(&h);
        law_teardown(&rig);
    }
}

/* ---- Views, sliding, and what is refused ---- */

static void test_views(void **state) {
    const law_case what = {cells[5], INPUTS, 0, OUTPUTS, 6, BATCH, false, false};
    law_rig rig;
    hth_error error;
    hth_view z, v, a;
    (void)state;
    law_setup(&rig, &what);
    handles h = handles_make(&rig, "learner.name=tbptt", 6);
    fill(&rig, h.tape, 0, 6, WHOLE);
    must(hth_tape_view(h.tape, 0, "z", &z, &error), &error);
    must(hth_tape_view(h.tape, 0, "v", &v, &error), &error);
    must(hth_tape_view(h.tape, 0, "a", &a, &error), &error);
    size_t spikes = 0;
    for (size_t t = 0; t < z.steps; t++)
        for (size_t b = 0; b < z.batch; b++)
            for (size_t j = 0; j < z.units; j++) {
                const double fires = (double)z.data[t * z.step_stride + b * z.item_stride + j];
                const double up = (double)a.data[t * a.step_stride + b * a.item_stride + j];
                spikes += fires == 1;
                assert_true(fires == 0 || fires == 1);
                /* a is a trace of the unit's own earlier spikes: none at first */
                if (t == 0) assert_true(up == 0);
            }
    assert_true(v.steps == 6 && v.units == 9 && spikes == (size_t)rig.report.spikes && spikes > 0);
    assert_int_equal(hth_tape_view(h.tape, 0, "c", &z, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "has no 'c': cell alif has z, v, a"));
    assert_int_equal(hth_tape_view(h.tape, 1, "z", &z, &error), HTH_INVALID);
    handles_drop(&h);
    law_teardown(&rig);
}

/* Outputs of the steps that stay are those of before, and new steps go on as if nothing had been forgotten. */
static void test_sliding_changes_no_output(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        const law_case what = {cells[c], INPUTS, 0, OUTPUTS, 12, BATCH, false, true};
        const size_t numbers = BATCH * OUTPUTS;
        law_rig rig;
        hth_error error;
        hth_real whole[12 * BATCH * OUTPUTS], slid[12 * BATCH * OUTPUTS];
        law_setup(&rig, &what);
        handles all = handles_make(&rig, "learner.name=tbptt", 12);
        handles few = handles_make(&rig, "learner.name=tbptt", 12);
        fill(&rig, all.tape, 0, 12, WHOLE);
        must(hth_tape_read(all.tape, 0, 12, whole, &error), &error);
        write_copy(&rig, few.tape, 0, 7);
        judge(&rig, few.tape, 0, 2, 4);
        must(hth_tape_slide(few.tape, 3, &error), &error);
        assert_int_equal(hth_tape_length(few.tape), 4);
        write_copy(&rig, few.tape, 7, 5);
        judge(&rig, few.tape, 3, 4, 5);
        must(hth_tape_read(few.tape, 0, 9, slid, &error), &error);
        assert_memory_equal(whole + 3 * numbers, slid, 9 * numbers * sizeof *slid);
        assert_true(memcmp(whole, slid, 9 * numbers * sizeof *slid) != 0);
        const hth_verdict again = verdict_of(&rig, 3, 1, 1);
        assert_int_equal(hth_tape_judge(few.tape, &again, &rig.report, &error), HTH_INVALID);
        assert_non_null(strstr(error.message, "step 1 of the tape has been judged already"));
        handles_drop(&all);
        handles_drop(&few);
        law_teardown(&rig);
    }
}

/* After a slide the gradient is that of a new tape with the steps that stay, bit for bit; of more steps it is not. */
static void test_slid_tape_learns(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        const law_case what = {cells[c], INPUTS, 0, OUTPUTS, 12, BATCH, false, false};
        law_rig rig;
        hth_error error;
        hth_real *gradients[3];
        law_setup(&rig, &what);
        for (size_t run = 0; run < 3; run++) {
            handles h = handles_make(&rig, "learner.name=tbptt", 12);
            handles_reset(&h);
            write_copy(&rig, h.tape, 0, 5);
            if (run == 0) hth_tape_begin(h.tape);
            write_copy(&rig, h.tape, 5, 7);
            judge(&rig, h.tape, run == 0 ? 5 : 0, run == 0 ? 0 : 5, 7);
            if (run == 1) must(hth_tape_slide(h.tape, 5, &error), &error);
            must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
            gradients[run] = malloc(rig.count * sizeof(hth_real));
            memcpy(gradients[run], hth_gradient_values(h.gradient), rig.count * sizeof(hth_real));
            handles_drop(&h);
        }
        assert_memory_equal(gradients[0], gradients[1], rig.count * sizeof(hth_real));
        assert_true(memcmp(gradients[0], gradients[2], rig.count * sizeof(hth_real)) != 0);
        for (size_t run = 0; run < 3; run++) free(gradients[run]);
        law_teardown(&rig);
    }
}

/* What was said before a slide counts after it: judged, then slid = slid, then judged. */
static hth_real *slid(law_rig *rig, bool judged_first) {
    hth_error error;
    handles h = handles_make(rig, "learner.name=tbptt", 12);
    handles_reset(&h);
    rig->report = (hth_report){0};
    write_copy(rig, h.tape, 0, 7);
    if (judged_first) judge(rig, h.tape, 0, 0, 7);
    must(hth_tape_slide(h.tape, 3, &error), &error);
    if (!judged_first) judge(rig, h.tape, 3, 0, 4);
    write_copy(rig, h.tape, 7, 5);
    judge(rig, h.tape, 3, 4, 5);
    must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
    hth_real *copy = malloc(rig->count * sizeof *copy);
    memcpy(copy, hth_gradient_values(h.gradient), rig->count * sizeof *copy);
    handles_drop(&h);
    return copy;
}

static void test_verdicts_slide_too(void **state) {
    static const law_case all[] = {
        {"cell.name=rate network.units=5", 3, 0, 6, 12, 2, true, true},
        {"cell.name=rate network.units=5 loss.time=window", 3, 0, 300, 12, 2, true, true},
        {"cell.name=gru network.units=4 network.embedding=3 loss.name=softmax", 0, 7, 6, 12, 2,
         false, true},
        {"cell.name=alif network.units=20 cell.v_th=0.05 network.events=always readout.kappa=0.6 "
         "readout.bias_place=inside",
         3, 0, 4, 12, 2, true, true},
    };
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(all); c++) {
        law_rig rig;
        law_setup(&rig, &all[c]);
        hth_real *before = slid(&rig, true), *after = slid(&rig, false);
        const size_t bytes = rig.count * sizeof *before;
        assert_memory_equal(before, after, bytes);
        const hth_real *weights = rig.chunk.weights;
        rig.chunk.weights = NULL; /* other verdicts are seen */
        hth_real *other = slid(&rig, true);
        rig.chunk.weights = weights;
        assert_true(memcmp(before, other, bytes) != 0);
        law_assert_alive(&rig);
        free(before);
        free(after);
        free(other);
        law_teardown(&rig);
    }
}

/* A verdict that fails leaves nothing behind: judged anew, the step counts as if it had been judged once. */
static void test_a_verdict_that_fails_leaves_nothing(void **state) {
    const law_case what = {
        "cell.name=rate network.units=5 loss.time=window", 3, 0, 6, 4, 2, true, false};
    law_rig rig;
    hth_error error;
    hth_real huge[BATCH] = {1000, 1000}, *gradients[2];
    (void)state;
    law_setup(&rig, &what);
    for (int fails = 0; fails < 2; fails++) {
        handles h = handles_make(&rig, "learner.name=tbptt", 4);
        handles_reset(&h);
        write_copy(&rig, h.tape, 0, 4);
        hth_verdict v = verdict_of(&rig, 0, 1, 1);
        v.weights = huge;
        hth_real theta = 0, *bias = hth_network_parameters(rig.network) + rig.network->readout.bias;
        if (fails) {
            theta = bias[0];
            bias[0] = (hth_real)INFINITY;
            assert_int_equal(hth_tape_judge(h.tape, &v, &rig.report, &error), HTH_NOT_FINITE);
            bias[0] = theta;
        }
        judge(&rig, h.tape, 0, 2, 2); /* of step 1 nothing is said in the end */
        judge(&rig, h.tape, 0, 0, 1);
        must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
        gradients[fails] = malloc(rig.count * sizeof(hth_real));
        memcpy(gradients[fails], hth_gradient_values(h.gradient), rig.count * sizeof(hth_real));
        handles_drop(&h);
    }
    assert_memory_equal(gradients[0], gradients[1], rig.count * sizeof(hth_real));
    free(gradients[0]);
    free(gradients[1]);
    law_teardown(&rig);
}

static void refused(hth_status got, const hth_error *error, hth_status status, const char *text) {
    assert_int_equal(got, status);
    if (!strstr(error->message, text)) fail_msg("no '%s' in: %s", text, error->message);
}

static void test_refusals(void **state) {
    const law_case what = {cells[0], INPUTS, 0, OUTPUTS, STEPS, BATCH, true, false};
    law_rig rig;
    hth_error error;
    hth_view view;
    hth_real y[BATCH * OUTPUTS];
    (void)state;
    law_setup(&rig, &what);
    handles h = handles_make(&rig, "learner.name=tbptt", TAPE);
    hth_inputs in = inputs_of(&rig, 0, TAPE + 1);
    refused(hth_tape_write(h.tape, &in, &error), &error, HTH_MISMATCH, "do not fit a tape of 5");
    in = inputs_of(&rig, 0, 3);
    must(hth_tape_write(h.tape, &in, &error), &error);
    refused(hth_tape_write(h.tape, &in, &error), &error, HTH_MISMATCH, "with 3 steps on it");
    refused(hth_tape_read(h.tape, 3, 1, y, &error), &error, HTH_INVALID, "but the tape has 3");
    refused(hth_tape_slide(h.tape, 4, &error), &error, HTH_INVALID, "but the tape has 3");
    hth_verdict v = verdict_of(&rig, 0, 1, 3);
    refused(hth_tape_judge(h.tape, &v, &rig.report, &error), &error, HTH_MISMATCH,
            "the tape has steps 0 to 3");
    v = verdict_of(&rig, 0, 1, 1);
    v.targets = y;
    refused(hth_tape_judge(h.tape, &v, &rig.report, &error), &error, HTH_MISMATCH,
            "made for classes");
    v = (hth_verdict){.steps = 1, .errors = y, .weights = y};
    refused(hth_tape_judge(h.tape, &v, &rig.report, &error), &error, HTH_MISMATCH, "stand alone");
    for (size_t i = 0; i < HTH_COUNT(y); i++) y[i] = (hth_real)NAN;
    v.weights = NULL;
    refused(hth_tape_judge(h.tape, &v, &rig.report, &error), &error, HTH_NOT_FINITE, "dE/dy");
    refused(hth_learner_inputs(h.learner, &view, &error), &error, HTH_INVALID,
            "set learner.inputs = true");
    in.ends = true;
    hth_tape_begin(h.tape);
    must(hth_tape_write(h.tape, &in, &error), &error);
    hth_tape_begin(h.tape);
    refused(hth_tape_write(h.tape, &in, &error), &error, HTH_INVALID, "call hth_tape_reset");
    hth_tape_reset(h.tape);
    must(hth_tape_write(h.tape, &in, &error), &error);
    handles_drop(&h);
    law_teardown(&rig);
}

/* A learner that predicts later losses has to be told that none came. */
static void test_an_end_that_is_not_told_is_refused(void **state) {
    const law_case what = {cells[0], INPUTS, 0, OUTPUTS, 8, BATCH, false, false};
    (void)state;
    for (int told = 0; told < 2; told++) {
        law_rig rig;
        hth_error error;
        law_setup(&rig, &what);
        handles h = handles_make(&rig, "learner.name=eprop3", 4);
        for (size_t t = 0; t < 8; t += 4) {
            hth_chunk cut = law_cut(&rig, t, 4);
            cut.ends = told && t == 4;
            must(hth_forward(h.tape, &cut, &rig.report, &error), &error);
            must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
        }
        handles_reset(&h);
        hth_chunk cut = law_cut(&rig, 0, 4);
        must(hth_forward(h.tape, &cut, &rig.report, &error), &error);
        const hth_status status = hth_learn(h.learner, h.tape, h.gradient, &error);
        if (told)
            must(status, &error);
        else
            refused(status, &error, HTH_INVALID, "set ends = true");
        handles_drop(&h);
        law_teardown(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell_and_preset),
        cmocka_unit_test(test_every_readout),
        cmocka_unit_test(test_errors_from_outside),
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_sliding_changes_no_output),
        cmocka_unit_test(test_slid_tape_learns),
        cmocka_unit_test(test_verdicts_slide_too),
        cmocka_unit_test(test_a_verdict_that_fails_leaves_nothing),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_an_end_that_is_not_told_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
