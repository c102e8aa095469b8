/* Tasks of trials (copy-memory, adding, associative-recall): targets are what a plain reading of the input asks for;
 * items, trials and splits differ; chunks of any length give the same stream, and the position alone restores it. */
#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *task; /* at hand */
#define TASK task
#include "task.h"

enum { BATCH = 3, LONGEST = 400 };

static void *open_task(const char *name, const hth_setting *items, size_t count, hth_split split,
                       uint64_t seed, hth_shape *shape) {
    task = name;
    return open_stream(items, count, split, BATCH, seed, shape);
}

static hth_chunk next(void *state, size_t steps, hth_position_flags *flags) {
    hth_chunk chunk;
    hth_error error;
    assert_int_equal(kind()->next(state, steps, &chunk, flags, &error), HTH_OK);
    return chunk;
}

static hth_chunk whole(void *state) {
    hth_position_flags flags;
    const hth_chunk chunk = next(state, LONGEST, &flags);
    assert_true(flags.starts && flags.ends);
    return chunk;
}

/* The one number of a row that is 1. */
static size_t hot(const hth_real *row, size_t width) {
    size_t found = width;
    for (size_t k = 0; k < width; k++) {
        assert_true(row[k] == 0 || row[k] == 1);
        if (row[k] == 0) continue;
        assert_int_equal(found, width);
        found = k;
    }
    assert_true(found < width);
    return found;
}

/* ---- copy-memory ---- */

static void copies_what_was_shown(void **unused) {
    (void)unused;
    const hth_setting items[] = {{"task.delay", "30", NULL}};
    hth_shape shape;
    void *state = open_task("copy-memory", items, 1, HTH_TRAIN, 1, &shape);
    size_t seen[8] = {0}, kinds = 0;
    assert_true(shape.inputs == 10 && shape.outputs == 9 && shape.target == HTH_TARGET_CLASSES);
    for (int trial = 0; trial < 20; trial++) {
        const hth_chunk c = whole(state);
        assert_int_equal(c.steps, 50);
        for (size_t t = 0; t < c.steps; t++)
            for (size_t b = 0; b < BATCH; b++) {
                const size_t at = t * BATCH + b, shown = hot(c.x + at * 10, 10);
                const size_t before = t < 40 ? 0 : hot(c.x + ((t - 40) * BATCH + b) * 10, 10);
                if (t < 10) seen[shown]++;
                assert_true(t < 10 ? shown < 8 : shown == (t == 39 ? 9 : 8));
                assert_int_equal(c.classes[at], t < 40 ? 8 : before);
                assert_true(c.weights[at] == 1);
            }
    }
    for (size_t k = 0; k < 8; k++) kinds += seen[k] > 40; /* of 600 in all */
    assert_int_equal(kinds, 8);
    kind()->close(state);
    /* What a network without memory reaches: Arjovsky et al. 2016, 10 ln 8 / (T + 20). */
    hth_reference known[HTH_MOST_REFERENCES];
    const hth_setting long_one[] = {{"task.name", "copy-memory", NULL},
                                    {"task.delay", "500", NULL}};
    const hth_settings settings = {long_one, 2};
    assert_int_equal(hth_task_references(&settings, "softmax", known), 1);
    assert_true(fabs(known[0].value - 10 * log(8) / 520) < 1e-12);
}

/* ---- adding ---- */

static void adds_the_marked(void **unused) {
    (void)unused;
    const hth_setting items[] = {{"task.steps", "21", NULL}};
    hth_shape shape;
    void *state = open_task("adding", items, 1, HTH_TRAIN, 1, &shape);
    double squares = 0;
    assert_true(shape.inputs == 2 && shape.outputs == 1 && shape.target == HTH_TARGET_VALUES);
    for (int trial = 0; trial < 200; trial++) {
        const hth_chunk c = whole(state);
        for (size_t b = 0; b < BATCH; b++) {
            double sum = 0;
            size_t first = 0, second = 0;
            for (size_t t = 0; t < 21; t++) {
                const hth_real *x = c.x + (t * BATCH + b) * 2;
                assert_true(x[0] >= 0 && x[0] < 1 && (x[1] == 0 || x[1] == 1));
                if (x[1] == 1) sum += (double)x[0];
                first += x[1] == 1 && t < 10;
                second += x[1] == 1 && t >= 10;
                assert_true(c.weights[t * BATCH + b] == (t == 20 ? HTH_C(1.0) : HTH_C(0.0)));
            }
            assert_true(first == 1 && second == 1);
            assert_true(fabs(sum - (double)c.targets[20 * BATCH + b]) < 1e-6);
            squares += (sum - 1) * (sum - 1);
        }
    }
    assert_true(fabs(squares / (200 * BATCH) - 1.0 / 6) < 0.03);
    kind()->close(state);
}

/* ---- associative-recall ---- */

/* Reads a row of items back from the input and finds the answer; returns how many items there are. */
static size_t recall_by_hand(const hth_chunk *c, size_t b, bool takes_next) {
    enum { WIDTH = 8, BITS = 6, VECTORS = 3 };
    size_t starts[16], items = 0, t = 0, found = 0;
#define X(step) (c->x + ((step)*BATCH + b) * WIDTH)
    for (; X(t)[BITS] == 1; t += 1 + VECTORS) starts[items++] = t + 1;
    assert_true(X(t)[BITS + 1] == 1 && X(t + 1 + VECTORS)[BITS + 1] == 1);
    const size_t query = t + 1, answer = query + VECTORS + 1;
    assert_int_equal(c->steps, answer + VECTORS);
    while (memcmp(X(starts[found]), X(query), BITS * sizeof(hth_real)) ||
           memcmp(X(starts[found] + 1), X(query + 1), BITS * sizeof(hth_real)) ||
           memcmp(X(starts[found] + 2), X(query + 2), BITS * sizeof(hth_real)))
        found++;
    assert_true(found + 1 < items);
    size_t wrong = 0;
    for (size_t v = 0; v < VECTORS; v++)
        wrong +=
            memcmp(X(starts[found + takes_next] + v),
                   c->targets + ((answer + v) * BATCH + b) * BITS, BITS * sizeof(hth_real)) != 0;
    for (size_t step = 0; step < c->steps; step++)
        assert_true(c->weights[step * BATCH + b] == (step >= answer ? HTH_C(1.0) : HTH_C(0.0)));
    if (takes_next)
        assert_int_equal(wrong, 0);
    else
        assert_true(wrong > 0); /* another item is another answer */
#undef X
    return items;
}

static void recalls_what_came_after(void **unused) {
    (void)unused;
    hth_shape shape;
    void *state = open_task("associative-recall", NULL, 0, HTH_TRAIN, 1, &shape);
    size_t seen[8] = {0};
    assert_true(shape.inputs == 8 && shape.outputs == 6);
    for (int trial = 0; trial < 60; trial++) {
        const hth_chunk c = whole(state);
        for (size_t b = 0; b < BATCH; b++) {
            seen[recall_by_hand(&c, b, true)]++;
            recall_by_hand(&c, b, false);
        }
    }
    for (size_t k = 2; k <= 6; k++) assert_true(seen[k] > 0);
    kind()->close(state);
    const hth_setting items[] = {{"task.least_items", "7", NULL}};
    assert_refuses(items, 1, "task.most_items 6");
}

/* ---- sines: without end ---- */

static void sums_sines(void **unused) {
    (void)unused;
    const double turn = 2 * acos(-1.0) / 600;
    hth_shape shape;
    hth_position_flags flags;
    hth_field field;
    void *one = open_task("sines", NULL, 0, HTH_TRAIN, 1, &shape), *other;
    for (size_t t = 0, part = 0; t < 900; t += 9, part++) {
        const hth_chunk c = next(one, 9, &flags);
        assert_true(flags.starts == (t == 0) && !flags.ends);
        for (size_t k = 0; k < 9; k++) {
            const double a = turn * (double)(t + k);
            const double sum = sin(a) + sin(2 * a) / 2 + sin(3 * a) / 6 + sin(4 * a) / 3;
            assert_true(fabs((double)c.targets[k * BATCH + 1] - 1.3 / 1.5 * sum) < 1e-6);
            assert_true(c.x[k * BATCH] == 0);
        }
    }
    other = open_task("sines", NULL, 0, HTH_TEST, 1, &shape);
    assert_int_equal(kind()->state(other, &field, 1), 1);
    *(uint64_t *)field.data = 900;
    const hth_chunk a = next(one, 5, &flags), b = next(other, 5, &flags);
    assert_memory_equal(a.targets, b.targets, 5 * BATCH * sizeof *a.targets);
    kind()->close(one);
    kind()->close(other);
}

/* ---- The stream ---- */

static uint64_t digest(const hth_chunk *c, const hth_shape *shape, size_t t) {
    uint64_t hash = UINT64_C(14695981039346656037);
    const unsigned char *x = (const void *)(c->x + t * BATCH * shape->inputs);
    for (size_t i = 0; i < BATCH * shape->inputs * sizeof *c->x; i++)
        hash = (hash ^ x[i]) * UINT64_C(1099511628211);
    return hash;
}

static void position_is_all(void **unused) {
    static const char *const names[] = {"copy-memory", "adding", "associative-recall"};
    (void)unused;
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        hth_shape shape;
        hth_position_flags flags;
        hth_field a[2], b[2];
        void *one = open_task(names[i], NULL, 0, HTH_TRAIN, 1, &shape);
        void *other = open_task(names[i], NULL, 0, HTH_TRAIN, 1, &shape);
        void *split = open_task(names[i], NULL, 0, HTH_TEST, 1, &shape);
        /* Chunks of 7 steps beside whole trials; items and trials differ. */
        uint64_t expected[LONGEST], before = 0;
        for (int trial = 0; trial < 3; trial++) {
            const hth_chunk c = whole(one), of_test = whole(split);
            uint64_t all = 0, test = 0;
            for (size_t t = 0; t < c.steps; t++) all ^= expected[t] = digest(&c, &shape, t);
            for (size_t t = 0; t < of_test.steps; t++) test ^= digest(&of_test, &shape, t);
            assert_true(all != before && all != test);
            before = all;
            for (size_t t = 0; t < c.steps;) {
                const hth_chunk part = next(other, 7, &flags);
                assert_int_equal(flags.starts, t == 0);
                for (size_t k = 0; k < part.steps; k++, t++)
                    assert_true(digest(&part, &shape, k) == expected[t]);
                assert_int_equal(flags.ends, t == c.steps);
            }
        }
        /* In the middle of a trial: the fields of one are put into the other. */
        next(one, 11, &flags);
        assert_int_equal(kind()->state(one, a, 2), 2);
        assert_int_equal(kind()->state(split, b, 2), 2);
        whole(other);
        assert_int_equal(kind()->state(other, b, 2), 2);
        for (size_t k = 0; k < 2; k++) memcpy(b[k].data, a[k].data, sizeof(uint64_t));
        const hth_chunk x = next(one, 3, &flags), y = next(other, 3, &flags);
        assert_true(!flags.starts);
        assert_memory_equal(x.x, y.x, 3 * BATCH * shape.inputs * sizeof *x.x);
        kind()->close(one);
        kind()->close(other);
        kind()->close(split);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_what_was_shown), cmocka_unit_test(adds_the_marked),
        cmocka_unit_test(recalls_what_came_after), cmocka_unit_test(sums_sines),
        cmocka_unit_test(position_is_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
