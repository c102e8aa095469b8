/* Store-recall: the targets are what the input says, read back from the spikes alone; the rules of commands
 * hold on many trials and their distribution is that of drawing until a trial fits; spikes have the rate
 * of Poisson neurons; items, trials and splits differ; chunks of any length give the same stream, and the
 * position alone restores it. */
#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TASK "store-recall"
#include "task.h"

enum { VALUE_0, VALUE_1, STORE, RECALL, GROUPS };

/* Settings as "rules=lsnn period=3", of section task. */
static void *open_recall(const char *line, hth_split split, size_t batch, uint64_t seed) {
    char text[256], keys[8][40];
    hth_setting items[8];
    hth_shape shape;
    size_t count = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=');
        *value++ = 0;
        snprintf(keys[count], sizeof keys[0], "task.%s", word);
        items[count] = (hth_setting){keys[count], value, NULL};
        count++;
    }
    void *state = open_stream(items, count, split, batch, seed, &shape);
    assert_int_equal(shape.outputs, 2);
    assert_int_equal(shape.inputs % GROUPS, 0);
    assert_int_equal(shape.target, HTH_TARGET_CLASSES);
    assert_true(shape.decides);
    return state;
}

static hth_chunk next(void *state, size_t steps, hth_position_flags *flags) {
    hth_chunk chunk;
    hth_error error;
    assert_int_equal(kind()->next(state, steps, &chunk, flags, &error), HTH_OK);
    assert_false(flags->epoch_end);
    return chunk;
}

static hth_chunk whole_trial(void *state, size_t steps) {
    hth_position_flags flags;
    hth_chunk chunk = next(state, steps, &flags);
    assert_true(flags.starts && flags.ends);
    assert_int_equal(chunk.steps, steps);
    return chunk;
}

/* ---- What the input says, where every neuron of an active group fires at every step (1000 Hz) ---- */

#define SURE "rate=1000 group=3 period=4 "
enum { PERIOD = 4, GROUP = 3 };

typedef struct said {
    bool active[GROUPS];
} said;

/* Fails where a group is not of one mind over a period. */
static said hear(const hth_chunk *chunk, size_t k, size_t b) {
    said heard;
    for (int g = 0; g < GROUPS; g++) {
        double sum = 0;
        for (size_t t = k * PERIOD; t < (k + 1) * PERIOD; t++)
            for (size_t i = 0; i < GROUP; i++)
                sum += (double)chunk->x[((t * chunk->batch + b) * GROUPS + (size_t)g) * GROUP + i];
        assert_true(sum == 0 || sum == PERIOD * GROUP);
        heard.active[g] = sum > 0;
    }
    return heard;
}

/* Steps whose class, weight or mark is not what a plain reading of the input asks for. wait: in which
 * period after a STORE its bit is taken (0: the rule; 1: negative control). */
static size_t departures(const hth_chunk *chunk, size_t periods, size_t wait) {
    size_t wrong = 0;
    for (size_t b = 0; b < chunk->batch; b++) {
        int bit = 0;
        for (size_t k = 0; k < periods; k++) {
            const said now = hear(chunk, k, b);
            if (k >= wait && hear(chunk, k - wait, b).active[STORE]) bit = now.active[VALUE_1];
            for (size_t t = k * PERIOD; t < (k + 1) * PERIOD; t++) {
                const size_t i = t * chunk->batch + b;
                const bool last = t + 1 == (k + 1) * PERIOD;
                wrong += chunk->classes[i] != bit && now.active[RECALL];
                wrong += chunk->weights[i] != (now.active[RECALL] ? HTH_C(1.0) : HTH_C(0.0));
                wrong += chunk->decides[i] != (now.active[RECALL] && last);
            }
        }
    }
    return wrong;
}

static void targets_are_what_was_stored(void **unused) {
    (void)unused;
    static const char *const rules[] = {SURE "rules=paper", SURE "rules=lsnn"};
    for (size_t i = 0; i < HTH_COUNT(rules); i++) {
        void *state = open_recall(rules[i], HTH_TRAIN, 5, 1);
        size_t late = 0;
        for (int trial = 0; trial < 40; trial++) {
            hth_chunk chunk = whole_trial(state, 12 * PERIOD);
            assert_int_equal(departures(&chunk, 12, 0), 0);
            late += departures(&chunk, 12, 1);
        }
        assert_true(late > 100);
        kind()->close(state);
    }
}

/* One value in each period, but none with a RECALL; with values = false none but with a STORE. */
static void values_are_shown(void **unused) {
    (void)unused;
    for (int all = 0; all < 2; all++) {
        void *state = open_recall(all ? SURE : SURE "values=false", HTH_TRAIN, 4, 2);
        double ones = 0, shown = 0, commands = 0;
        for (int trial = 0; trial < 100; trial++) {
            hth_chunk chunk = whole_trial(state, 12 * PERIOD);
            for (size_t b = 0; b < 4; b++)
                for (size_t k = 0; k < 12; k++) {
                    const said now = hear(&chunk, k, b);
                    const bool expected = now.active[STORE] || (all && !now.active[RECALL]);
                    assert_false(now.active[STORE] && now.active[RECALL]);
                    assert_int_equal(now.active[VALUE_0] + now.active[VALUE_1], expected);
                    shown += expected;
                    ones += now.active[VALUE_1];
                    commands += now.active[STORE] || now.active[RECALL];
                }
        }
        assert_true(shown > 300 && commands > 300);
        assert_true(fabs(ones / shown - 0.5) < 2.5 / sqrt(shown)); /* a fair coin */
        kind()->close(state);
    }
}

/* ---- Rules and their distribution ---- */

enum { PERIODS = 7 };

/* A trial as two bits a period: 1 STORE, 2 RECALL. */
static unsigned pattern_of(const hth_chunk *chunk, size_t b) {
    unsigned pattern = 0;
    for (size_t k = 0; k < PERIODS; k++) {
        const said now = hear(chunk, k, b);
        pattern |= (now.active[STORE] ? 1u : now.active[RECALL] ? 2u : 0u) << 2 * k;
    }
    return pattern;
}

/* A plain draw of a trial by a generator of its own. */
static unsigned plain_draw(uint64_t *random, double probability) {
    unsigned pattern = 0;
    bool holds = false;
    for (unsigned k = 0; k < PERIODS; k++) {
        *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        if ((double)(*random >> 11) * 0x1p-53 >= probability) continue;
        pattern |= (holds ? 2u : 1u) << 2 * k;
        holds = !holds;
    }
    return pattern;
}

/* The rules of the code of 2018, as they are written in it: what makes it draw again. */
static bool fits_lsnn(unsigned pattern) {
    int stores = 0, recalls = 0, last = 0;
    for (unsigned k = 0; k < PERIODS; k++) {
        const int command = pattern >> 2 * k & 3;
        const int after = k + 1 < PERIODS ? pattern >> 2 * (k + 1) & 3 : 0;
        if (command && command == last) return false; /* they take turns */
        if (command == 2 && !stores) return false;    /* the first STORE comes first */
        if (command == 1 && after != 0) return false; /* a value follows a STORE */
        stores += command == 1;
        recalls += command == 2;
        if (command) last = command;
    }
    return stores && recalls && last == 2;
}

enum { TRIALS = 2000, ITEMS = 10, PATTERNS = 1 << 2 * PERIODS };

/* How often the stream and the plain generator give each trial. */
static void count_patterns(const char *line, bool reject, double probability, double *ours,
                           double *plain) {
    void *state = open_recall(line, HTH_TRAIN, ITEMS, 11);
    uint64_t random = 12345;
    for (int trial = 0; trial < TRIALS; trial++) {
        hth_chunk chunk = whole_trial(state, PERIODS * PERIOD);
        for (size_t b = 0; b < ITEMS; b++) {
            unsigned pattern = pattern_of(&chunk, b), drawn;
            if (reject) assert_true(fits_lsnn(pattern));
            ours[pattern]++;
            do drawn = plain_draw(&random, probability);
            while (reject && !fits_lsnn(drawn));
            plain[drawn]++;
        }
    }
    kind()->close(state);
}

/* Chi squared of two samples of the same size, over the number of kinds that came often enough. */
static double distance(const double *a, const double *b, int *kinds) {
    double sum = 0;
    *kinds = 0;
    for (int i = 0; i < PATTERNS; i++)
        if (a[i] + b[i] >= 20) {
            sum += (a[i] - b[i]) * (a[i] - b[i]) / (a[i] + b[i]);
            ++*kinds;
        }
    return sum / *kinds;
}

static void trials_have_the_distribution(void **unused) {
    (void)unused;
    double *counts[4];
    int kinds;
    for (int i = 0; i < 4; i++) counts[i] = calloc(PATTERNS, sizeof *counts[i]);
    count_patterns(SURE "periods=7", false, 1.0 / 6, counts[0], counts[1]);
    count_patterns(SURE "periods=7 rules=lsnn probability=0.25", true, 0.25, counts[2], counts[3]);
    assert_true(distance(counts[0], counts[1], &kinds) < 1 + 5 * sqrt(2.0 / kinds));
    assert_true(kinds > 20);
    assert_true(distance(counts[2], counts[3], &kinds) < 1 + 5 * sqrt(2.0 / kinds));
    assert_true(kinds > 10);
    assert_true(distance(counts[0], counts[2], &kinds) > 20); /* negative control */
    for (int i = 0; i < 4; i++) free(counts[i]);
}

static void single_has_one_store(void **unused) {
    (void)unused;
    void *state = open_recall(SURE "rules=single periods=30", HTH_TEST, 2, 3);
    double ones = 0;
    for (int trial = 0; trial < 100; trial++) {
        hth_chunk chunk = whole_trial(state, 30 * PERIOD);
        for (size_t b = 0; b < 2; b++) {
            const int bit = hear(&chunk, 0, b).active[VALUE_1];
            for (size_t k = 0; k < 30; k++) {
                assert_int_equal(hear(&chunk, k, b).active[STORE], k == 0);
                assert_false(hear(&chunk, k, b).active[RECALL]);
            }
            for (size_t t = 0; t < 30 * PERIOD; t++) {
                assert_int_equal(chunk.classes[t * 2 + b], bit); /* known to whoever decodes it */
                assert_true(chunk.weights[t * 2 + b] == 0 && chunk.decides[t * 2 + b] == 0);
            }
            ones += bit;
        }
    }
    assert_true(ones > 60 && ones < 140);
    kind()->close(state);
}

/* ---- Spikes ---- */

/* 50 Hz in a group that fires, 0 in one that is silent; neighbours in neuron and time independent. */
static void spikes_are_poisson(void **unused) {
    (void)unused;
    enum { STEPS = 2400, N = 25 };
    void *state = open_recall("", HTH_TRAIN, 1, 5);
    double spikes = 0, places = 0, pairs[5] = {0}, per_neuron[N] = {0}, neuron_places = 0;
    for (int trial = 0; trial < 10; trial++) {
        hth_chunk chunk = whole_trial(state, STEPS);
        for (size_t k = 0; k < 12; k++)
            for (int g = 0; g < GROUPS; g++) {
                const hth_real *x = chunk.x + k * 200 * GROUPS * N + (size_t)g * N;
                double here = 0;
                for (size_t t = 0; t < 200; t++)
                    for (size_t i = 0; i < N; i++) here += (double)x[t * GROUPS * N + i];
                if (here == 0) continue; /* 250 spikes are expected of one that fires */
                spikes += here;
                places += 200 * N;
                neuron_places += 200;
                for (size_t t = 0; t + 1 < 200; t++)
                    for (size_t i = 0; i + 4 < N; i++) {
                        const hth_real *at = x + t * GROUPS * N + i;
                        for (size_t d = 1; d < 5; d++) pairs[d] += (double)(at[0] * at[d]);
                        pairs[0] += (double)(at[0] * at[GROUPS * N]);
                    }
                for (size_t t = 0; t < 200; t++)
                    for (size_t i = 0; i < N; i++) per_neuron[i] += (double)x[t * GROUPS * N + i];
            }
    }
    assert_true(places > 12 * 10 * 200 * N);
    assert_true(fabs(spikes / places - 0.05) < 5 * sqrt(0.0475 / places));
    const double expected = neuron_places / 200 * 199 * (N - 4) * 0.0025;
    for (int d = 0; d < 5; d++) assert_true(fabs(pairs[d] - expected) < 5 * sqrt(expected));
    for (size_t i = 0; i < N; i++)
        assert_true(fabs(per_neuron[i] / neuron_places - 0.05) < 5 * sqrt(0.0475 / neuron_places));
    kind()->close(state);
}

/* In the period of a STORE two groups fire, independently. */
static void groups_are_independent(void **unused) {
    (void)unused;
    enum { LONG = 1200, N = 25 };
    void *state = open_recall("rules=single periods=1 period=1200", HTH_TRAIN, 1, 6);
    double pairs = 0, late = 0;
    for (int trial = 0; trial < 4; trial++) {
        hth_chunk chunk = whole_trial(state, LONG);
        for (size_t t = 0; t + 1 < LONG; t++)
            for (size_t i = 0; i < N; i++) {
                const hth_real *x = chunk.x + t * GROUPS * N + i, *after = x + GROUPS * N;
                const hth_real value = x[VALUE_0 * N] + x[VALUE_1 * N];
                pairs += (double)(value * x[STORE * N]);
                late += (double)(value * after[STORE * N]);
            }
    }
    const double expected = 4 * (LONG - 1) * N * 0.0025;
    assert_true(fabs(pairs - expected) < 5 * sqrt(expected));
    assert_true(fabs(late - expected) < 5 * sqrt(expected));
    kind()->close(state);
}

/* What comes in a trial says nothing about the next one, nor any shift of it. */
static void trials_are_independent(void **unused) {
    (void)unused;
    enum { MANY = 300, WIDE = 12 };
    static int values[MANY][WIDE];
    void *state = open_recall(SURE "rules=single", HTH_TRAIN, 1, 7);
    for (int trial = 0; trial < MANY; trial++) {
        hth_chunk chunk = whole_trial(state, WIDE * PERIOD);
        for (size_t k = 0; k < WIDE; k++) values[trial][k] = hear(&chunk, k, 0).active[VALUE_1];
    }
    for (int shift = 0; shift < 4; shift++) {
        double same = 0, count = 0;
        for (int trial = 0; trial + 1 < MANY; trial++)
            for (int k = 0; k + shift < WIDE; k++, count++)
                same += values[trial][k + shift] == values[trial + 1][k];
        assert_true(fabs(same / count - 0.5) < 2.5 / sqrt(count));
    }
    kind()->close(state);
}

/* ---- The stream ---- */

enum { STEPS = 2400, WIDTH = 100 };

static bool same_spikes(const hth_chunk *a, size_t item_a, const hth_chunk *b, size_t item_b) {
    for (size_t t = 0; t < STEPS; t++)
        if (memcmp(a->x + (t * a->batch + item_a) * WIDTH, b->x + (t * b->batch + item_b) * WIDTH,
                   WIDTH * sizeof(hth_real)))
            return false;
    return true;
}

static void trials_items_and_splits_differ(void **unused) {
    (void)unused;
    void *states[] = {open_recall("", HTH_TRAIN, 3, 1), open_recall("", HTH_TRAIN, 1, 1),
                      open_recall("", HTH_VALIDATE, 1, 1), open_recall("", HTH_TEST, 1, 1),
                      open_recall("", HTH_TRAIN, 1, 2)};
    hth_chunk first = whole_trial(states[0], STEPS), again = whole_trial(states[1], STEPS);
    assert_true(same_spikes(&first, 0, &again, 0)); /* whatever the size of the batch */
    assert_false(same_spikes(&first, 0, &first, 1));
    assert_false(same_spikes(&first, 1, &first, 2));
    for (int i = 1; i < 5; i++) { /* the next trial, other splits, another seed */
        hth_chunk other = whole_trial(states[i], STEPS);
        assert_false(same_spikes(&first, 0, &other, 0));
    }
    for (int i = 0; i < 5; i++) kind()->close(states[i]);
}

static void chunks_of_any_length(void **unused) {
    (void)unused;
    enum { TRIALS_HERE = 2, BATCH = 2, LONG = 12 * 5 };
    static const size_t lengths[] = {1, 3, 17, LONG - 1, 500};
    const char *line = "period=5 group=7";
    const size_t width = 7 * GROUPS;
    for (size_t i = 0; i < HTH_COUNT(lengths); i++) {
        void *reference = open_recall(line, HTH_TRAIN, BATCH, 4);
        void *state = open_recall(line, HTH_TRAIN, BATCH, 4);
        for (int trial = 0; trial < TRIALS_HERE; trial++) {
            hth_chunk whole = whole_trial(reference, LONG);
            for (size_t at = 0; at < LONG;) {
                hth_position_flags flags;
                hth_chunk chunk = next(state, lengths[i], &flags);
                const size_t in = at * BATCH, items = chunk.steps * BATCH;
                assert_true(chunk.steps >= 1 && chunk.steps <= lengths[i]);
                assert_int_equal(flags.starts, at == 0);
                assert_int_equal(flags.ends, at + chunk.steps == LONG);
                assert_memory_equal(chunk.x, whole.x + in * width, items * width * sizeof *chunk.x);
                assert_memory_equal(chunk.classes, whole.classes + in, items * sizeof(int32_t));
                assert_memory_equal(chunk.weights, whole.weights + in, items * sizeof(hth_real));
                assert_memory_equal(chunk.decides, whole.decides + in, items);
                at += chunk.steps;
            }
        }
        kind()->close(reference);
        kind()->close(state);
    }
}

static void the_position_restores_the_stream(void **unused) {
    (void)unused;
    void *a = open_recall("", HTH_TRAIN, 2, 4), *b = open_recall("", HTH_TRAIN, 2, 4);
    hth_position_flags flags;
    hth_field from, to;
    for (int i = 0; i < 3; i++) whole_trial(a, STEPS);
    next(a, 1111, &flags);
    next(b, 50, &flags); /* the script of another trial must not survive */
    assert_int_equal(kind()->state(a, &from, 1), 1);
    assert_int_equal(kind()->state(b, &to, 1), 1);
    memcpy(to.data, from.data, sizeof(uint64_t));
    hth_chunk x = next(a, STEPS, &flags), y = next(b, STEPS, &flags);
    assert_int_equal(x.steps, STEPS - 1111);
    assert_int_equal(y.steps, x.steps);
    const size_t items = x.steps * 2;
    assert_memory_equal(x.x, y.x, items * WIDTH * sizeof *x.x);
    assert_memory_equal(x.classes, y.classes, items * sizeof *x.classes);
    assert_memory_equal(x.weights, y.weights, items * sizeof *x.weights);
    y = whole_trial(b, STEPS);
    assert_memory_not_equal(x.x, y.x, items * WIDTH * sizeof *x.x);
    kind()->close(a);
    kind()->close(b);
}

static void has_sequences_and_no_epochs(void **unused) {
    (void)unused;
    void *state = open_recall("periods=3 period=70", HTH_TRAIN, 1, 4);
    uint64_t sequence, epoch;
    kind()->extent(state, &sequence, &epoch);
    assert_true(sequence == 210 && epoch == 0);
    kind()->close(state);
}

static void says_what_is_wrong(void **unused) {
    (void)unused;
    static const struct {
        hth_setting items[2];
        const char *words;
    } cases[] = {
        {{{"task.rules", "lsnn", NULL}, {"task.periods", "2", NULL}}, "at least 3 periods"},
        {{{"task.rules", "lsnn", NULL}, {"task.probability", "0", NULL}}, "there is no trial"},
        {{{"task.rules", "lsnn", NULL}, {"task.probability", "1", NULL}}, "there is no trial"},
        {{{"task.rate", "501", NULL}, {"task.dt", "2", NULL}}, "at most 500"},
        {{{"task.period", "0", NULL}, {"task.dt", "2", NULL}}, "task.period"},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) assert_refuses(cases[i].items, 2, cases[i].words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_what_was_stored),
        cmocka_unit_test(values_are_shown),
        cmocka_unit_test(trials_have_the_distribution),
        cmocka_unit_test(single_has_one_store),
        cmocka_unit_test(spikes_are_poisson),
        cmocka_unit_test(groups_are_independent),
        cmocka_unit_test(trials_are_independent),
        cmocka_unit_test(trials_items_and_splits_differ),
        cmocka_unit_test(chunks_of_any_length),
        cmocka_unit_test(the_position_restores_the_stream),
        cmocka_unit_test(has_sequences_and_no_epochs),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
