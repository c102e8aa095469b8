/* Of all settings of a run those that have to be typed: they make the same run, and none of them can be left out. */
#include "runs.h"
#include "settings/identity.h"
#include "settings/needed.h"

static bool same_run(const hth_settings *a, const hth_settings *b) {
    hth_identity x, y;
    assert_int_equal(hth_identity_make_whole(a, &x, NULL), HTH_OK);
    assert_int_equal(hth_identity_make_whole(b, &y, NULL), HTH_OK);
    bool same = x.count == y.count;
    for (size_t i = 0; same && i < x.count; i++)
        same = strcmp(x.items[i].key, y.items[i].key) == 0 &&
               hth_same_value(x.items[i].value, y.items[i].value);
    hth_identity_free(&x);
    hth_identity_free(&y);
    return same;
}

/* From the file that a run leaves, with every setting in it, back to the words that were typed. */
static void typed_words_come_back(void **state) {
    (void)state;
    static const struct {
        const char *line;
        size_t count; /* of settings that are no default */
    } cases[] = {
        {"task=add", 1},
        {"task=add learner=rflo network.units=7", 3},
        {"task=add learner=rflo learner.steps=1 cell=rate optimiser=sgd", 4},
        {"task=pattern cell=lstm network.units=3,4 optimiser=adam optimiser.beta1=0.5", 4},
        {"task=add learner=uoro train.seed=4 train.threads=1 check.steps=9", 3},
        {"task=add learner=eprop1 learner.signal=readout network.connections=random "
         "network.density=0.50",
         5},
        {"task=store-recall conventions=bellec2020 cell=alif learner=eprop1", 4},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        hth_config *typed = configure(cases[i].line), *whole;
        hth_settings needed;
        hth_error error;
        assert_int_equal(hth_config_write(typed, scratch_path("all.yaml"), &error), HTH_OK);
        assert_int_equal(hth_config_create(&whole, &error), HTH_OK);
        if (hth_config_load(whole, scratch_path("all.yaml"), &error) != HTH_OK)
            fail_msg("%s", error.message);
        const hth_settings all = hth_config_settings(whole), given = hth_config_settings(typed);
        assert_true(all.count > 60);
        assert_int_equal(hth_settings_needed(&all, &needed, &error), HTH_OK);
        assert_true(same_run(&needed, &given));
        size_t count = 0;
        for (size_t k = 0; k < needed.count; k++) {
            const bool seed = strcmp(needed.items[k].key, "train.seed") == 0;
            count += !seed || strcmp(needed.items[k].value, "1") != 0;
            if (seed) continue;
            hth_setting rest[400];
            size_t used = 0;
            for (size_t j = 0; j < needed.count; j++)
                if (j != k) rest[used++] = needed.items[j];
            const hth_settings fewer = {rest, used};
            assert_false(same_run(&fewer, &given)); /* the control */
        }
        if (i < 6) assert_int_equal(count, cases[i].count);
        free((void *)(uintptr_t)needed.items);
        hth_config_destroy(whole);
        hth_config_destroy(typed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(typed_words_come_back)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
