/*
 * Replay in runs: on a tape of its own it is the gradient of the mixed batch; state and traces of an online learner go
 * on as without; without sequences to replay the run is the plain one; a run that is interrupted has the same bits.
 */
#include "data/npz.h"
#include "runs.h"
#include "session/replay.h"
#include "settings/phases.h"
#include "tasks/replay/memory.h"

#include <math.h>

#define COPY                                                                                       \
    "task=copy-memory task.delay=3 train.batch=2 network.units=6 optimiser.name=adam "             \
    "optimiser.lr=0.01 train.validation_steps=16 "
#define TWO                                                                                        \
    "loss.heads=2 phases.first.train.steps=69 phases.second.task.delay=5 "                         \
    "phases.second.view.head=1 phases.second.train.steps=75 "

/* ---- The mixed batch ---------------------------------------------------------------------- */

static void must(hth_status status, const hth_error *error) {
    if (status != HTH_OK) fail_msg("%s", error->message);
}

typedef struct opened {
    hth_config *config;
    hth_session s;
} opened;

static void open_one(const char *line, opened *o) {
    hth_error error;
    o->config = configure(line);
    /* Of phases, the last. */
    must(hth_config_enter_phase(o->config, &error), &error);
    const hth_settings settings = hth_config_settings(o->config);
    must(hth_session_open(&settings, NULL, &o->s, &error), &error);
}

static void close_one(opened *o) {
    hth_session_close(&o->s);
    hth_config_destroy(o->config);
}

static hth_chunk next_sequence(hth_session *s, hth_position_flags *flags) {
    hth_chunk all;
    hth_error error;
    must(s->train.kind->next(s->train.state, (size_t)s->train.sequence_steps, &all, flags, &error),
         &error);
    assert_true(flags->starts && flags->ends);
    return all;
}

/* Steps from.. of a sequence of classes. */
static hth_chunk part_of(const hth_chunk *all, size_t inputs, size_t from, size_t steps) {
    const size_t at = from * all->batch;
    hth_chunk part = *all;
    part.steps = all->steps - from < steps ? all->steps - from : steps;
    part.x += at * inputs;
    part.classes += at;
    if (part.weights) part.weights += at;
    part.ends = from + part.steps == all->steps;
    return part;
}

/* The gradient of whole sequences by the session's tape and learner, in the session's tapes. Returns their mean loss. */
static double learn_whole(hth_session *s, const hth_chunk *all) {
    hth_error error;
    hth_report report = {0};
    hth_tape_reset(s->parts.tape);
    for (size_t at = 0; at < all->steps; at += s->steps) {
        const hth_chunk part = part_of(all, s->train.shape.inputs, at, s->steps);
        must(hth_forward(s->parts.tape, &part, &report, &error), &error);
        must(hth_learn(s->parts.learner, s->parts.tape, s->parts.gradient, &error), &error);
    }
    return report.loss / report.weight;
}

static hth_real *copy(const void *from, size_t bytes) {
    hth_real *to = malloc(bytes);
    assert_non_null(to);
    memcpy(to, from, bytes);
    return to;
}

/* Two batches beside each other; free x, classes and weights. */
static hth_chunk mix(const hth_chunk *a, const hth_chunk *b, size_t inputs) {
    const size_t steps = a->steps, batch = a->batch + b->batch;
    hth_real *x = malloc(steps * batch * inputs * sizeof *x);
    hth_real *weights = malloc(steps * batch * sizeof *weights);
    int32_t *classes = malloc(steps * batch * sizeof *classes);
    assert_int_equal(a->steps, b->steps);
    for (size_t t = 0; t < steps; t++)
        for (size_t i = 0; i < batch; i++) {
            const hth_chunk *of = i < a->batch ? a : b;
            const size_t from = t * of->batch + (i < a->batch ? i : i - a->batch);
            memcpy(x + (t * batch + i) * inputs, of->x + from * inputs, inputs * sizeof *x);
            classes[t * batch + i] = of->classes[from];
            weights[t * batch + i] = of->weights ? of->weights[from] : 1;
        }
    return (hth_chunk){
        .steps = steps, .batch = batch, .x = x, .classes = classes, .weights = weights};
}

static void free_chunk(const hth_chunk *c) {
    free((void *)(uintptr_t)c->x);
    free((void *)(uintptr_t)c->classes);
    free((void *)(uintptr_t)c->weights);
}

/* What a memory like that of the session draws after one batch. */
static hth_chunk drawn_by_another(const opened *o, const hth_chunk *batch,
                                  const hth_position_flags *flags, hth_replay_memory **memory) {
    hth_error error;
    hth_chunk all;
    const hth_settings settings = hth_config_settings(o->config);
    must(hth_replay_memory_open(&settings, (uint64_t)o->s.options.seed, &o->s.train.shape,
                                o->s.batch, memory, &error),
         &error);
    must(hth_replay_memory_reserve(*memory, (size_t)o->s.train.sequence_steps, &error), &error);
    hth_replay_memory_take(*memory, batch, flags);
    assert_true(hth_replay_memory_draw(*memory, &all));
    return all;
}

/* How far apart two gradients are, beside the larger. */
static double distance(const hth_real *a, const hth_real *b, size_t count, double factor) {
    double apart = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        apart = fmax(apart, fabs((double)a[i] - factor * (double)b[i]));
        size = fmax(size, fabs((double)a[i]));
    }
    assert_true(size > 1e-3);
    return apart / size;
}

/* The gradient with replay beside that of the mixed batch by `mixed`, times `factor`; *alone: beside the gradient that
 * nothing has joined. */
static double beside_mixed(const char *line, const char *mixed, double factor, double *alone) {
    opened o, both;
    hth_error error;
    hth_position_flags flags;
    hth_replay_memory *memory;
    open_one(line, &o);
    open_one(mixed, &both);
    const size_t inputs = o.s.train.shape.inputs;
    const size_t count = hth_network_parameter_count(o.s.parts.network);
    /* The first batch is remembered, the second learned from. */
    const hth_chunk first = next_sequence(&o.s, &flags);
    const hth_chunk drawn = drawn_by_another(&o, &first, &flags, &memory);
    hth_replayer_take(o.s.replayer, &first, &flags);
    const hth_chunk second = next_sequence(&o.s, &flags);
    learn_whole(&o.s, &second);
    hth_real *plain = copy(hth_gradient_values(o.s.parts.gradient), count * sizeof(hth_real));
    assert_true(hth_replayer_is_due(o.s.replayer, 1, &second, &flags));
    must(hth_replayer_learn(o.s.replayer, o.s.parts.gradient, &error), &error);
    const hth_chunk all = mix(&second, &drawn, inputs);
    learn_whole(&both.s, &all);
    const hth_real *joined = hth_gradient_values(o.s.parts.gradient);
    const double apart =
        distance(joined, hth_gradient_values(both.s.parts.gradient), count, factor);
    *alone = distance(joined, plain, count, 1);
    free(plain);
    free_chunk(&all);
    hth_replay_memory_close(memory);
    close_one(&both);
    close_one(&o);
    return apart;
}

static void test_replay_is_the_mixed_batch(void **state) {
    (void)state;
    static const struct {
        const char *settings, *replay;
        double factor;
    } cases[] = {
        {"learner=bptt loss.batch=sum ", "", 1},
        {"learner=bptt ", "replay.weight=1.5 ", 2.5}, /* 3 beside 2: 5/2 of the mean over 5 */
        {"learner=tbptt learner.steps=4 loss.batch=sum cell=gru ", "", 1},
        {"learner=rtrl loss.batch=sum ", "", 1},
        {"learner=rflo loss.batch=sum ", "", 1},
        {"learner=eprop1 loss.batch=sum loss.time=mean cell=alif ", "", 1},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        char line[600], mixed[600];
        double alone;
        snprintf(line, sizeof line, COPY "%s%sreplay=ring replay.size=2 replay.batch=3",
                 cases[i].settings, cases[i].replay);
        snprintf(mixed, sizeof mixed, COPY "%strain.batch=5", cases[i].settings);
        const double apart = beside_mixed(line, mixed, cases[i].factor, &alone);
        if (!(apart < (sizeof(hth_real) == 8 ? 1e-12 : 1e-4)))
            fail_msg("%s: off by %.3g", line, apart);
        assert_true(alone > 1e-2);
    }
}

/* ---- Awake and asleep --------------------------------------------------------------------- */

/* What replay adds by `asleep`, while the run learns by RFLO, beside the gradient of `mixed`, which has the replayed
 * sequences and weight 0 on the stream's own. */
static double beside_alone(const char *asleep, const char *mixed) {
    opened o, other;
    hth_error error;
    hth_position_flags flags;
    hth_replay_memory *memory;
    char line[600];
    snprintf(line, sizeof line, COPY "learner=rflo replay=ring replay.size=2 replay.batch=2 %s",
             asleep);
    open_one(line, &o);
    open_one(mixed, &other);
    const size_t count = hth_network_parameter_count(o.s.parts.network);
    const hth_chunk first = next_sequence(&o.s, &flags);
    const hth_chunk drawn = drawn_by_another(&o, &first, &flags, &memory);
    hth_replayer_take(o.s.replayer, &first, &flags);
    hth_gradient_clear(o.s.parts.gradient);
    must(hth_replayer_learn(o.s.replayer, o.s.parts.gradient, &error), &error);
    learn_whole(&other.s, &drawn);
    const double apart = distance(hth_gradient_values(o.s.parts.gradient),
                                  hth_gradient_values(other.s.parts.gradient), count, 1);
    hth_replay_memory_close(memory);
    close_one(&other);
    close_one(&o);
    return apart;
}

static void test_asleep_another_learner(void **state) {
    (void)state;
    const double exact = sizeof(hth_real) == 8 ? 1e-12 : 1e-4;
    assert_true(beside_alone("replay.learner=bptt", COPY "learner=bptt") < exact);
    assert_true(beside_alone("replay.learner=tbptt replay.learner_steps=3",
                             COPY "learner=tbptt learner.steps=3") < exact);
    assert_true(beside_alone("", COPY "learner=rflo") < exact);
    assert_true(beside_alone("", COPY "learner=bptt") > 1e-2);
    assert_true(beside_alone("replay.learner=bptt", COPY "learner=rflo") > 1e-2);
}

/* ---- Priorities --------------------------------------------------------------------------- */

/* The losses that a replay finds are those that the report of the same sequences has. */
static void test_losses_are_those_of_the_report(void **state) {
    (void)state;
    static const char *const settings[] = {"", "loss.heads=2 view.head=1 ", "loss.name=sigmoid ",
                                           "loss.name=mse "};
    for (size_t i = 0; i < HTH_COUNT(settings); i++) {
        opened o;
        hth_error error;
        hth_position_flags flags;
        char line[600];
        snprintf(line, sizeof line,
                 COPY "train.batch=1 learner.steps=7 %sreplay=prioritised replay.size=1",
                 settings[i]);
        open_one(line, &o);
        const hth_chunk first = next_sequence(&o.s, &flags);
        const double loss = learn_whole(&o.s, &first);
        hth_replayer_take(o.s.replayer, &first, &flags);
        must(hth_replayer_learn(o.s.replayer, o.s.parts.gradient, &error), &error);
        hth_field fields[64];
        const size_t count = hth_replayer_state(o.s.replayer, fields, HTH_COUNT(fields));
        double found = 0;
        for (size_t k = 0; k < count && k < HTH_COUNT(fields); k++)
            if (strcmp(fields[k].name, "losses") == 0) found = *(double *)fields[k].data;
        if (!(fabs(found - loss) < (sizeof(hth_real) == 8 ? 1e-12 : 1e-5) * loss && loss > 0.01))
            fail_msg("%s: %g, not %g", line, found, loss);
        assert_true(fabs(loss - 1) > 1e-6); /* what there is before a replay */
        close_one(&o);
    }
}

/* ---- Dreams ------------------------------------------------------------------------------- */

/* series.npz: sequences whose targets are the next inputs. */
static void write_series(void) {
    enum { S = 4, T = 7, N = 2 };
    static double x[S][T][N], y[S][T][N];
    for (size_t s = 0; s < S; s++)
        for (size_t t = 0; t < T; t++)
            for (size_t i = 0; i < N; i++) {
                x[s][t][i] = sin(0.7 * (double)(t + s) + 1.5 * (double)i);
                y[s][t][i] = sin(0.7 * (double)(t + s + 1) + 1.5 * (double)i);
            }
    const array all[] = {{"inputs", "<f8", "(4, 7, 2)", false, x, sizeof x},
                         {"targets", "<f8", "(4, 7, 2)", false, y, sizeof y}};
    npz_write(scratch_path("series.npz"), all, HTH_COUNT(all));
}

static hth_field field_named(hth_session *s, const char *name) {
    hth_field fields[64];
    const size_t count = hth_replayer_state(s->replayer, fields, HTH_COUNT(fields));
    for (size_t k = 0; k < count && k < HTH_COUNT(fields); k++)
        if (strcmp(fields[k].name, name) == 0) return fields[k];
    fail_msg("no %s", name);
    return fields[0];
}

static double largest_of(const hth_real *values, size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs((double)values[i]));
    return most;
}

/* A network has nothing to learn from its own dreams of values, but for rounding, until its weights change. */
static void test_dreams_are_what_the_network_says(void **state) {
    (void)state;
    opened o;
    hth_error error;
    char line[600];
    write_series();
    snprintf(line, sizeof line,
             "data=arrays data.file=%s network.units=5 cell=gru train.batch=2 learner=tbptt "
             "learner.steps=3 replay=ring replay.size=4 replay.batch=3 replay.from=dream "
             "replay.prime=1 phases.only.train.steps=9",
             scratch_path("series.npz"));
    open_one(line, &o);
    const hth_settings settings = hth_config_settings(o.config);
    const size_t count = hth_network_parameter_count(o.s.parts.network);
    must(hth_replayer_dream(o.s.replayer, &settings, &o.s, &error), &error);
    assert_int_equal(*(uint64_t *)field_named(&o.s, "held").data, 4);
    must(hth_replayer_learn(o.s.replayer, o.s.parts.gradient, &error), &error);
    const double own = largest_of(hth_gradient_values(o.s.parts.gradient), count);
    if (!(own < (sizeof(hth_real) == 8 ? 1e-15 : 1e-6))) fail_msg("%g", own);
    /* Each input after the first is the target before it. */
    const hth_real *x = field_named(&o.s, "x").data, *y = field_named(&o.s, "targets").data;
    for (size_t i = 0; i < 4; i++)
        for (size_t t = 1; t < 7; t++)
            assert_memory_equal(x + (i * 7 + t) * 2, y + (i * 7 + t - 1) * 2, 2 * sizeof *x);
    assert_true(largest_of(y, 4 * 7 * 2) > 1e-2);
    hth_network_parameters(o.s.parts.network)[3] += HTH_C(0.1);
    must(hth_replayer_learn(o.s.replayer, o.s.parts.gradient, &error), &error);
    assert_true(largest_of(hth_gradient_values(o.s.parts.gradient), count) > 1e-4);
    close_one(&o);
}

/* Of tokens, each is the target before it, and they are drawn anew for each dream. */
static void test_dreams_of_tokens(void **state) {
    (void)state;
    opened o;
    hth_error error;
    char line[600];
    enum { SIZE = 4, STEPS = 12 };
    snprintf(line, sizeof line,
             "data=text data.dir=%s network.embedding=3 network.units=5 train.batch=2 "
             "learner=tbptt learner.steps=5 replay=ring replay.size=4 replay.steps=12 "
             "replay.from=dream replay.prime=2 phases.only.train.steps=9",
             scratch_path("corpus"));
    open_one(line, &o);
    const hth_settings settings = hth_config_settings(o.config);
    must(hth_replayer_dream(o.s.replayer, &settings, &o.s, &error), &error);
    const int32_t *token = field_named(&o.s, "tokens").data;
    const int32_t *class = field_named(&o.s, "classes").data;
    for (size_t i = 0; i < SIZE; i++)
        for (size_t t = 1; t < STEPS; t++)
            assert_int_equal(token[i * STEPS + t], class[i * STEPS + t - 1]);
    assert_memory_not_equal(token + 2, token + STEPS + 2, (STEPS - 2) * sizeof *token);
    close_one(&o);
}

/* Tensors of two last checkpoints with this beginning that differ, and how many there are. */
static size_t differ(const char *run_a, const char *run_b, const char *beginning, size_t *seen) {
    const char *runs[2] = {run_a, run_b};
    hth_safetensors *files[2];
    char *bytes[2], path[320];
    size_t count[2], length, different = 0;
    const hth_tensor *list[2];
    *seen = 0;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/checkpoint.safetensors", scratch_path(runs[i]));
        assert_int_equal(hth_safetensors_open(path, &files[i], NULL), HTH_OK);
        bytes[i] = read_whole(path, &length);
        list[i] = hth_safetensors_list(files[i], &count[i]);
    }
    for (size_t i = 0; i < count[0]; i++) {
        if (strncmp(list[0][i].name, beginning, strlen(beginning)) != 0) continue;
        for (size_t k = 0; k < count[1]; k++) {
            if (strcmp(list[0][i].name, list[1][k].name) != 0) continue;
            uint64_t header[2];
            memcpy(&header[0], bytes[0], 8);
            memcpy(&header[1], bytes[1], 8);
            ++*seen;
            different += memcmp(bytes[0] + 8 + header[0] + list[0][i].begin,
                                bytes[1] + 8 + header[1] + list[1][k].begin,
                                list[0][i].end - list[0][i].begin) != 0;
        }
    }
    for (int i = 0; i < 2; i++) {
        hth_safetensors_close(files[i]);
        free(bytes[i]);
    }
    return different;
}

/* An online learner of an endless stream has the same state and traces while it replays, as long as weights stay; and
 * others where sequences begin anew. */
static void test_online_traces_are_unbroken(void **state) {
    (void)state;
#define ENDLESS                                                                                    \
    "task=add network.units=5 optimiser.lr=0 train.steps=90 train.validate_every=-1 learner=rflo "
    size_t seen;
    train_whole(ENDLESS, "awake");
    train_whole(ENDLESS "replay=reservoir replay.size=4 replay.steps=7 replay.batch=3", "both");
    train_whole(ENDLESS "replay=ring replay.size=4 replay.steps=7 replay.every=1", "often");
    train_whole(ENDLESS "train.steps=89", "shorter");
    assert_true(same_metrics("awake", "both") && same_metrics("awake", "often"));
    assert_int_equal(differ("awake", "both", "learner.", &seen), 0);
    assert_true(seen > 0);
    assert_int_equal(differ("awake", "both", "tape", &seen), 0);
    assert_true(seen > 0);
    assert_int_equal(differ("awake", "often", "learner.", &seen), 0);
    assert_true(differ("awake", "shorter", "learner.", &seen) > 0);
#undef ENDLESS
}

/* ---- Runs --------------------------------------------------------------------------------- */

static void test_nothing_replayed_is_the_plain_run(void **state) {
    (void)state;
    train_whole(COPY TWO "learner.steps=9 ", "plain");
    train_whole(COPY TWO "learner.steps=9 replay=reservoir replay.size=9 replay.batch=0", "idle");
    train_whole(COPY TWO "learner.steps=9 replay=reservoir replay.size=9", "replayed");
    assert_true(same_metrics("plain", "idle"));
    assert_false(same_metrics("plain", "replayed"));
}

/* An array of the last checkpoint of a run. */
static void restore(const char *run, const char *name, hth_dtype dtype, void *out, size_t count) {
    char path[320];
    hth_safetensors *file;
    hth_field field = {.dtype = dtype, .count = count, .data = out};
    snprintf(field.name, sizeof field.name, "%s", name);
    snprintf(path, sizeof path, "%s/checkpoint.safetensors", scratch_path(run));
    assert_int_equal(hth_safetensors_open(path, &file, NULL), HTH_OK);
    assert_int_equal(hth_safetensors_restore(file, &field, 1, 0, NULL), HTH_OK);
    hth_safetensors_close(file);
}

/* A sequence of the first phase keeps that phase's head and cue. Copy-memory has 10 inputs and 9 classes. */
static void test_heads_and_cues_are_kept(void **state) {
    (void)state;
    enum { SIZE = 14, ITEMS = 2, STEPS = 25, EACH = 6, CLASSES = 9, OWN = 10, INPUTS = OWN + 2 };
    static hth_real x[SIZE + ITEMS][STEPS][INPUTS];
    static int32_t classes[SIZE + ITEMS][STEPS];
    train_whole(COPY TWO "learner.steps=9 view.cues=2 phases.second.view.cue=1 replay=reservoir "
                         "replay.size=14",
                "heads");
    restore("heads", "replay.x", HTH_DTYPE_REAL, x, sizeof x / sizeof(hth_real));
    restore("heads", "replay.classes", HTH_DTYPE_I32, classes, sizeof classes / sizeof(int32_t));
    for (size_t i = 0; i < 2 * EACH; i++) {
        const size_t phase = i / EACH, steps = phase ? STEPS : STEPS - 2;
        for (size_t t = 0; t < steps; t++) {
            assert_int_equal(classes[i][t] / CLASSES, phase);
            assert_true(x[i][t][OWN + phase] == 1 && x[i][t][OWN + 1 - phase] == 0);
        }
    }
}

static void test_interruptions_change_no_bit(void **state) {
    (void)state;
    static const char *const lines[] = {
        COPY TWO "learner=tbptt learner.steps=9 replay=reservoir replay.size=5",
        COPY TWO "learner=tbptt learner.steps=9 replay=ring replay.size=9 replay.batch=3 "
                 "replay.learner=rflo replay.every=2",
        COPY TWO "learner=eprop1 learner.steps=9 learner.update=sequence replay=reservoir "
                 "replay.size=5 replay.project=true",
        COPY TWO "learner=tbptt learner.steps=9 replay=class replay.size=5",
        COPY TWO "learner=tbptt learner.steps=9 replay=prioritised replay.size=5",
        "task=add network.units=4,3 train.batch=2 learner=tbptt learner.steps=3 train.steps=60 "
        "network.dropout=0.3 train.validate_every=-1 train.validation_steps=16 replay=reservoir "
        "replay.size=3 replay.steps=8 replay.batch=2 replay.learner=uoro replay.every=2",
    };
    for (size_t i = 0; i < HTH_COUNT(lines); i++)
        assert_interruptions_change_no_bit(lines[i], i, 3);
    /* Dreams, between two phases. */
    char line[700];
    snprintf(line, sizeof line,
             "data=arrays data.file=%s network.units=4 train.batch=2 learner=tbptt learner.steps=3 "
             "replay=reservoir replay.size=5 replay.batch=2 replay.from=dream replay.prime=2 "
             "phases.first.train.epochs=2 phases.second.train.epochs=2",
             scratch_path("series.npz"));
    assert_interruptions_change_no_bit(line, HTH_COUNT(lines), 3);
}

static void test_threads_change_no_bit(void **state) {
    (void)state;
    static const char line[] = "task=copy-memory task.delay=3 train.batch=16 network.units=128 "
                               "train.steps=69 train.validate_every=-1 replay=reservoir "
                               "replay.size=20 replay.batch=24 learner=bptt ";
    char text[400], run[32];
    for (int threads = 1; threads <= 3; threads++) {
        snprintf(text, sizeof text, "%strain.threads=%d", line, threads);
        snprintf(run, sizeof run, "threads%d", threads);
        train_whole(text, run);
    }
    assert_int_equal(different_tensors("threads1", "threads2"), 0);
    assert_int_equal(different_tensors("threads1", "threads3"), 0);
}

static void refused(const char *line, const char *because) {
    hth_error error = {0};
    hth_config *config = configure(line);
    hth_prospect prospect;
    assert_int_equal(hth_train_check(config, &hth_align_guest, &prospect, &error), HTH_INVALID);
    if (!strstr(error.message, because)) fail_msg("%s: %s", line, error.message);
    hth_config_destroy(config);
}

static void test_nonsense_is_refused(void **state) {
    (void)state;
    refused(COPY "replay.size=10", "replay.size is a setting of replay");
    refused(COPY "replay=ring replay.project=true replay.weight=2", "adds nothing");
    refused(COPY "replay=ring replay.learner_steps=2", "replay.learner is not given");
    refused(COPY "replay=ring replay.learner=rtlr", "rtlr");
    refused(COPY "replay=ring learner.window=18 learner.steps=3",
            "name another with replay.learner");
    refused("world=bandit network.units=8 train.steps=100 replay=ring", "world bandit gives");
    refused("task=add replay=class learner=rflo", "take reservoir");
    refused(COPY "replay=ring replay.exponent=1", "replay.exponent is a setting of replay prior");
    refused(COPY "replay=ring replay.prime=2", "nothing is dreamt");
    refused(COPY "replay=ring replay.from=dream", "the run has no phases");
    refused(COPY "replay=ring replay.from=dream phases.a.train.steps=10", "but reads");
    refused(COPY "phases.a.replay.batch=2 phases.a.train.steps=10", "one for all phases");
}

static int make(void **state) {
    return scratch_make(state) == 0 ? write_corpus() : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay_is_the_mixed_batch),
        cmocka_unit_test(test_asleep_another_learner),
        cmocka_unit_test(test_losses_are_those_of_the_report),
        cmocka_unit_test(test_dreams_are_what_the_network_says),
        cmocka_unit_test(test_dreams_of_tokens),
        cmocka_unit_test(test_online_traces_are_unbroken),
        cmocka_unit_test(test_nothing_replayed_is_the_plain_run),
        cmocka_unit_test(test_heads_and_cues_are_kept),
        cmocka_unit_test(test_interruptions_change_no_bit),
        cmocka_unit_test(test_threads_change_no_bit),
        cmocka_unit_test(test_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
