/* The reader `speech`: orders of the utterances by seed and epoch, and resuming in the midst of one. */
#define _POSIX_C_SOURCE 200809L
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scratch.h"
#include "speech_corpus.h"

enum { MANY = 12, EPOCHS = 4 };

/* Twelve utterances; channel 0 is their number, and number i has 1 + i % 4 frames. */
static void make_many(void) {
    char name[32], labels[512] = "", list[256] = "";
    make_folder("many");
    for (int i = 0; i < MANY; i++) {
        float values[8];
        for (int k = 0; k < 8; k++) values[k] = k % 2 ? (float)k : (float)i;
        snprintf(name, sizeof name, "many/u%02d.mfc", i);
        write_sphinx(name, values, 2 * (1 + (size_t)i % 4));
        snprintf(labels + strlen(labels), 32, "u%02d 0 %d p\n", i, 1 + i % 4);
        snprintf(list + strlen(list), 16, "u%02d\n", i);
    }
    write_text("labels.many", labels);
    write_text("list.many", list);
}

static void remove_many(void) {
    char name[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "many/u%02d.mfc", i);
        remove(scratch_path(name));
    }
    remove(scratch_path("many"));
}

#define MANY_FILES                                                                                 \
    "data.features", "@/many", "data.labels", "@/labels.many", "data.train", "@/list.many",        \
        "data.validate", "@/list.many", "data.channels", "2", "data.scale", "none",                \
        "data.derivatives", "0", "data.repeat", "1"

/* The numbers of the utterances in the order in which EPOCHS epochs show them. */
static void take_order(const char *const *pairs, hth_split split, uint64_t seed, int *order) {
    hth_shape shape;
    void *state = speech_opened(pairs, split, 3, seed, &shape);
    for (int i = 0; i < EPOCHS * MANY; i += 3) {
        hth_position_flags flags;
        hth_chunk chunk = speech_chunk(state, 100, &flags);
        for (int k = 0; k < 3; k++) order[i + k] = (int)chunk.x[2 * k];
        assert_int_equal(flags.epoch_end, (i + 3) % MANY == 0);
    }
    speech()->close(state);
    for (int e = 0; e < EPOCHS; e++) { /* each exactly once in every epoch */
        unsigned seen = 0;
        for (int i = 0; i < MANY; i++) seen |= 1u << order[e * MANY + i];
        assert_int_equal(seen, (1u << MANY) - 1);
    }
}

static bool same(const int *left, const int *right, size_t count) {
    return !memcmp(left, right, count * sizeof *left);
}

static void test_orders(void **unused) {
    (void)unused;
    const char *const shuffled[] = {MANY_FILES, NULL};
    const char *const listed[] = {MANY_FILES, "data.order", "list", NULL};
    const char *const similar[] = {MANY_FILES, "data.order", "similar", NULL};
    enum { ALL = EPOCHS * MANY };
    int first[ALL], second[ALL], rows[ALL];
    make_many();
    take_order(listed, HTH_TRAIN, 1, first);
    for (int i = 0; i < ALL; i++) assert_int_equal(first[i], i % MANY);
    for (int way = 0; way < 2; way++) {
        const char *const *pairs = way ? similar : shuffled;
        take_order(pairs, HTH_TRAIN, 1, first);
        take_order(pairs, HTH_TRAIN, 1, second);
        assert_true(same(first, second, ALL)); /* the same seed, the same order */
        take_order(pairs, HTH_TRAIN, 2, second);
        assert_false(same(first, second, MANY)); /* another seed */
        for (int e = 1; e < EPOCHS; e++)         /* another epoch */
            assert_false(same(first, first + e * MANY, MANY));
    }
    bool ascending = true, alike = true;
    for (int i = 0; i < MANY; i += 3) { /* three utterances of each length: batches of one length */
        alike &= first[i] % 4 == first[i + 1] % 4 && first[i] % 4 == first[i + 2] % 4;
        ascending &= first[i] % 4 == i / 3;
    }
    assert_true(alike && !ascending); /* but the batches themselves come in any order */
    take_order(shuffled, HTH_VALIDATE, 1, first);
    take_order(shuffled, HTH_VALIDATE, 2, second);
    assert_true(same(first, second, ALL)); /* validation knows no seed, and goes by length */
    for (int i = 0; i < ALL; i++) rows[i] = i % MANY % 3 * 4 + i % MANY / 3;
    assert_true(same(first, rows, ALL));
    remove_many();
}

static void test_resume(void **unused) {
    (void)unused;
    const char *const pairs[] = {MANY_FILES, "data.order", "similar", NULL};
    hth_field from[3], to[3];
    hth_shape shape;
    hth_position_flags flags, again;
    make_many();
    void *whole = speech_opened(pairs, HTH_TRAIN, 5, 1, &shape);
    void *resumed = speech_opened(pairs, HTH_TRAIN, 5, 1, &shape);
    assert_int_equal(speech()->state(whole, NULL, 0), 3);
    assert_int_equal(speech()->state(whole, from, 3), 3);
    assert_int_equal(speech()->state(resumed, to, 3), 3);
    while (*(uint64_t *)from[0].data < 2 || *(uint64_t *)from[2].data == 0)
        speech_chunk(whole, 1, &flags); /* into a sequence of the third epoch */
    for (int i = 0; i < 3; i++) memcpy(to[i].data, from[i].data, sizeof(uint64_t));
    for (int i = 0; i < 40; i++) {
        hth_chunk left = speech_chunk(whole, 2, &flags), right = speech_chunk(resumed, 2, &again);
        assert_int_equal(left.steps, right.steps);
        assert_memory_equal(left.x, right.x, left.steps * 5 * 2 * sizeof *left.x);
        assert_memory_equal(left.weights, right.weights, left.steps * 5 * sizeof *left.weights);
        assert_memory_equal(&flags, &again, sizeof flags);
    }
    *(uint64_t *)to[1].data = 3; /* there are three batches */
    hth_chunk chunk;
    assert_int_equal(speech()->next(resumed, 1, &chunk, &flags, &message), HTH_MISMATCH);
    assert_message("position batch 3, step");
    assert_message("beyond the 3 batches");
    speech()->close(whole);
    speech()->close(resumed);
    remove_many();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_resume),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
