/*
 * What a model takes on a chip, as an emulated one says it (tests/chips/learns.c prints these numbers): structures have
 * other sizes there, and the kernels need no scratch.
 */
#include "model/inspect.h"

#include "kernels/level.h"
#include "model/models.h"

typedef struct on_chip {
    const char *settings;
    size_t arm, riscv;
} on_chip;

#define RATE "cell.name=rate network.units=8 optimiser.name=sgd "
static const on_chip cases[] = {
    {RATE "learner.name=rflo", 9339, 9403},
    {RATE "learner.name=rtrl", 11771, 11835},
    {RATE "learner.name=rflo keep.name=si keep.every=500", 10527, 10591},
    {"cell.name=lif network.units=8 cell.v_th=0.6 readout.kappa=0 learner.name=eprop1 "
     "learner.steps=1",
     10619, 10683},
    {"cell.name=lstm network.units=8 optimiser.name=adam learner.name=tbptt learner.steps=4", 13959,
     14023},
};

static hth_model_sizes bytes_on(hth_chip chip, const char *settings) {
    char text[200];
    hth_setting items[LAW_SETTINGS];
    snprintf(text, sizeof text, "%s", settings);
    const hth_model_plan plan = {.abi = HTH_ABI,
                                 .settings = law_split(text, items),
                                 .shape = {.inputs = 1, .outputs = 1},
                                 .threads = 1};
    hth_model_sizes sizes;
    size_t parameters = 0;
    hth_error error;
    must(hth_model_bytes_on(chip, &plan, &sizes, &parameters, &error), &error);
    assert_int_not_equal(parameters, 0);
    assert_int_equal(sizes.total, sizes.model + sizes.compute + sizes.network + sizes.tape +
                                      sizes.learner + sizes.gradient + sizes.optimiser);
    return sizes;
}

static void test_bytes_are_those_of_the_chip(void **state) {
    (void)state;
    const size_t level = hth_level;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        assert_int_equal(bytes_on(HTH_CHIP_ARM, cases[i].settings).total, cases[i].arm);
        assert_int_equal(bytes_on(HTH_CHIP_RISCV, cases[i].settings).total, cases[i].riscv);
    }
    assert_int_equal(hth_level, level);
}

/* A plan that has no meaning is refused, by the sentence of the handle that does so; the level is as before. */
static void test_refusals_reach_the_caller(void **state) {
    (void)state;
    const hth_setting items[] = {{"cell.name", "rate", NULL}, {"learner.name", "eprop3", NULL}};
    const hth_model_plan plan = {.abi = HTH_ABI,
                                 .settings = {items, 2},
                                 .shape = {.inputs = 1, .outputs = 1, .decides = true},
                                 .threads = 1};
    const size_t level = hth_level;
    hth_model_sizes sizes;
    hth_error here = {0}, there = {0};
    size_t parameters;
    assert_int_not_equal(hth_model_bytes(&plan, NULL, &sizes, &here), HTH_OK);
    assert_int_equal(hth_model_bytes_on(HTH_CHIP_ARM, &plan, &sizes, &parameters, &there),
                     here.status);
    assert_string_equal(there.message, here.message);
    assert_int_equal(hth_level, level);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_are_those_of_the_chip),
        cmocka_unit_test(test_refusals_reach_the_caller),
    };
    if (sizeof(hth_real) == 8)
        return 0; /* the sizes of base/chip_sizes.h are of single precision */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
