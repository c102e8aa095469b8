/* The reader `events`: events fall into the step and unit that a plain count finds, whatever their order; refusals. */
#include "base/random.h"
#include "streams.h"

#include "npz.h"

#include <math.h>

enum { E = 300, N = 5, UNITS = 7 };
static float times[E];
static uint16_t units[E];
static int64_t starts[N + 1] = {0, 40, 40, 170, 171, E}; /* the second has no event */
static uint8_t labels[N] = {2, 0, 1, 1, 2};

#define TIMES                                                                                      \
    { "times", "<f4", "(300,)", false, times, sizeof times }
#define IDS                                                                                        \
    { "units", "<u2", "(300,)", false, units, sizeof units }
#define STARTS                                                                                     \
    { "starts", "<i8", "(6,)", false, starts, sizeof starts }
#define LABELS                                                                                     \
    { "labels", "|u1", "(5,)", false, labels, sizeof labels }

static int fill(void **state) {
    const hth_random random = {5, HTH_RANDOM_CHECK, 0};
    for (size_t i = 0; i < E; i++) {
        times[i] = (float)hth_random_below(&random, 2 * i, 4000) / 1000 + 0.25f;
        units[i] = (uint16_t)hth_random_below(&random, 2 * i + 1, UNITS);
    }
    return scratch_make(state);
}

/* How many events of a recording are in a step of a unit. */
static int count(size_t recording, size_t step, size_t unit, double dt, bool align) {
    int found = 0;
    double origin = 0;
    for (int64_t i = starts[recording]; i < starts[recording + 1] && align; i++)
        origin = i == starts[recording] || (double)times[i] < origin ? (double)times[i] : origin;
    for (int64_t i = starts[recording]; i < starts[recording + 1]; i++)
        found += units[i] == unit && floor(((double)times[i] - origin) / dt) == (double)step;
    return found;
}

static void bins_are_counts(void **state) {
    static const char *const more[][4] = {{"data.bin", "count", "data.weight", "last"},
                                          {"data.bin", "any", "data.steps", "9"},
                                          {"data.bin", "count", "data.align", "true"}};
    const array arrays[] = {TIMES, IDS, STARTS, LABELS};
    (void)state;
    npz_write(scratch_path("e.npz"), arrays, 4);
    for (size_t form = 0; form < HTH_COUNT(more); form++) {
        const char *const settings[] = {
            "data.file", scratch_path("e.npz"), "data.dt",     "0.25",        "data.shuffle",
            "false",     more[form][0],         more[form][1], more[form][2], more[form][3],
            NULL};
        hth_shape shape;
        hth_position_flags flags;
        void *stream = open_well("events", settings, HTH_TRAIN, N, &shape);
        assert_true(shape.inputs == UNITS && shape.outputs == 3);
        hth_chunk chunk = next_chunk("events", stream, 1000, &flags);
        assert_true(flags.epoch_end && chunk.steps >= 9);
        assert_true(!chunk.lengths == (form == 1));
        int events = 0;
        for (size_t t = 0; t < chunk.steps; t++)
            for (size_t n = 0; n < N; n++) {
                const bool inside = !chunk.lengths || t < chunk.lengths[n];
                for (size_t u = 0; u < UNITS; u++) {
                    const int right = count(n, t, u, 0.25, form == 2);
                    const double x = (double)chunk.x[(t * N + n) * UNITS + u];
                    assert_true(x == (form == 1 && right ? 1 : right));
                    events += right;
                }
                if (inside) assert_int_equal(chunk.classes[t * N + n], labels[n]);
                if (form == 0) assert_true(chunk.weights[t * N + n] == (t + 1 == chunk.lengths[n]));
            }
        assert_true(form == 1 ? events < E : events == E); /* each event once */
        if (chunk.lengths) assert_int_equal(chunk.lengths[1], 1);
        reader("events")->close(stream);
    }
}

/* starts may leave out the end of the last recording; events need not be in order. */
static void forms_that_mean_the_same(void **state) {
    float turned_times[E];
    uint16_t turned_units[E];
    (void)state;
    for (int i = 0; i < E; i++) { /* the last recording backwards */
        const int from = i < 171 ? i : 171 + E - 1 - i;
        turned_times[i] = times[from];
        turned_units[i] = units[from];
    }
    const array arrays[] = {{"times", "<f4", "(300,)", false, turned_times, sizeof times},
                            {"units", "<u2", "(300,)", false, turned_units, sizeof units},
                            {"starts", "<i8", "(5,)", false, starts, N * sizeof *starts},
                            LABELS};
    npz_write(scratch_path("turned.npz"), arrays, 4);
    hth_chunk chunks[2];
    void *streams[2];
    for (int i = 0; i < 2; i++) {
        const char *const settings[] = {"data.file", scratch_path(i ? "turned.npz" : "e.npz"),
                                        "data.dt",   "0.1",
                                        "data.bin",  "count",
                                        NULL};
        hth_shape shape;
        hth_position_flags flags;
        streams[i] = open_well("events", settings, HTH_TRAIN, N, &shape);
        chunks[i] = next_chunk("events", streams[i], 1000, &flags);
    }
    assert_int_equal(chunks[0].steps, chunks[1].steps);
    assert_memory_equal(chunks[0].x, chunks[1].x,
                        chunks[0].steps * N * UNITS * sizeof *chunks[0].x);
    for (int i = 0; i < 2; i++) reader("events")->close(streams[i]);
}

/* The shape is that of the training file; a part of it validates. */
static void splits(void **state) {
    (void)state;
    const char *const settings[] = {"data.file", scratch_path("e.npz"),      "data.dt",
                                    "1",         "data.validation_fraction", "0.4",
                                    NULL};
    hth_shape shape;
    hth_position_flags flags;
    size_t counts[2];
    for (int i = 0; i < 2; i++) {
        void *stream = open_well("events", settings, i ? HTH_VALIDATE : HTH_TRAIN, 1, &shape);
        flags.epoch_end = false;
        for (counts[i] = 0; !flags.epoch_end; counts[i]++)
            next_chunk("events", stream, 1000, &flags);
        reader("events")->close(stream);
    }
    assert_true(counts[0] == 3 && counts[1] == 2);
}

static void refused(const array *arrays, const char *key, const char *value, const char *words) {
    npz_write(scratch_path("bad.npz"), arrays, 4);
    const char *const settings[] = {
        "data.file", scratch_path("bad.npz"), "data.dt", "0.1", key, value, NULL};
    open_badly("events", settings, HTH_TRAIN, words);
    assert_non_null(strstr(message.message, "bad.npz: "));
}

static void what_is_refused(void **state) {
    (void)state;
    array arrays[] = {TIMES, IDS, STARTS, LABELS};
    refused(arrays, "data.channels", "5", "but must be a unit, 0 to 4");
    refused(arrays, "data.classes", "2", "labels[0] is 2, but must be a class, 0 to 1");
    starts[2] = 39;
    refused(arrays, NULL, NULL, "starts[2] is 39, but must be 40 to 300");
    starts[2] = 40;
    starts[5] = 299;
    refused(arrays, NULL, NULL, "starts[5] is 299, but must be the number of events");
    starts[5] = E;
    starts[0] = 1;
    refused(arrays, NULL, NULL, "starts[0] is 1, but must be 0");
    starts[0] = 0;
    labels[1] = 1;
    refused(arrays, NULL, NULL, "labels are 1 to 2, but classes count from 0: subtract 1");
    labels[1] = 0;
    const float kept = times[7];
    times[7] = -1;
    refused(arrays, NULL, NULL,
            "times[7] is -1, before the recording's time 0: set data.align=true");
    times[7] = 1e9f;
    refused(arrays, NULL, NULL, "is data.dt in the unit of times?");
    times[7] = NAN;
    refused(arrays, NULL, NULL, "times[7] is nan, but must be finite");
    times[7] = kept;
    arrays[1] = (array){"units", "<u2", "(299,)", false, units, 299 * 2};
    refused(arrays, NULL, NULL, "but must be (300,) of integers: a unit an event");
    arrays[1] = (array){"units", "<f4", "(300,)", false, times, sizeof times};
    refused(arrays, NULL, NULL, "but must be (300,) of integers: a unit an event");
    uint64_t huge[N] = {0, 1, 2, 3, UINT64_MAX};
    arrays[3] = (array){"labels", "<u8", "(5,)", false, huge, sizeof huge};
    arrays[1] = (array){"units", "<u2", "(300,)", false, units, sizeof units};
    refused(arrays, NULL, NULL, "labels reach 1.84467441e+19, more than the 2.14748365e+09");
    arrays[3] = (array){"labels", "|u1", "(5,)", false, labels, sizeof labels};
    arrays[1] = (array){"unit", "<u2", "(300,)", false, units, sizeof units};
    refused(arrays, NULL, NULL, "there is no use for array unit; did you mean 'units'?");
}

/* A step that is longer than any recording is no step of them. */
static void a_step_too_long_is_doubted(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *const settings[] = {"data.file", scratch_path("e.npz"), "data.dt",
                                        i ? "1000" : "1", NULL};
        hth_shape shape;
        void *stream = open_well("events", settings, HTH_TRAIN, 1, &shape);
        const char *doubt = reader("events")->doubt(stream);
        assert_true((strstr(doubt, "is it in the unit of times?") != NULL) == i);
        reader("events")->close(stream);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bins_are_counts),
        cmocka_unit_test(forms_that_mean_the_same),
        cmocka_unit_test(splits),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(a_step_too_long_is_doubted),
    };
    return cmocka_run_group_tests(tests, fill, scratch_remove);
}
