/*
 * What a model takes on a chip. The numbers themselves are compared with those of emulated chips (tests/chips/sizes); here
 * is what follows from how a chip differs: pointers are shorter, numbers are not.
 */
#include "kernels/level.h"
#include "model/inspect.h"
#include "model/models.h"

#define RATE "cell.name=rate optimiser.name=sgd learner.name=rflo network.units="
static const char *const cases[] = {
    RATE "8",
    RATE "8 keep.name=si",
    "cell.name=rate network.units=8 learner.name=rtrl",
    "cell.name=lif network.units=8 learner.name=eprop1 learner.steps=1",
    "cell.name=lstm network.units=8,4 optimiser.name=adam learner.name=tbptt learner.steps=4",
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

static void test_only_pointers_are_shorter_there(void **state) {
    (void)state;
    const size_t level = hth_level;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        const hth_model_sizes arm = bytes_on(HTH_CHIP_ARM, cases[i]);
        const hth_model_sizes riscv = bytes_on(HTH_CHIP_RISCV, cases[i]);
        const hth_model_sizes here = bytes_on(HTH_CHIP_HERE, cases[i]);
        /* Enumerations are longer on RISC-V, and pointers here; in every handle there are some. */
        assert_true(arm.total <= riscv.total && riscv.total < here.total);
        assert_true(arm.model < here.model && arm.network < here.network && arm.tape < here.tape);
        assert_true(arm.learner < here.learner && arm.optimiser < here.optimiser);
        assert_true(2 * arm.total > here.total);
    }
    assert_int_equal(hth_level, level);
}

/* The first row of the table of docs/chips.md. Emulated chips say the same, in the stage of chips. */
static void test_a_size_to_the_byte(void **state) {
    (void)state;
    if (sizeof(hth_real) != sizeof(float)) return;
    assert_int_equal(bytes_on(HTH_CHIP_ARM, RATE "8").total, 9339);
    assert_int_equal(bytes_on(HTH_CHIP_RISCV, RATE "8").total, 9411);
}

/* A tape of more steps, or more parameters that are kept, are numbers: they take as much there as here. */
static void test_numbers_are_as_long_there(void **state) {
    (void)state;
    const hth_chip chips[] = {HTH_CHIP_ARM, HTH_CHIP_RISCV, HTH_CHIP_HERE};
    size_t tape[3], keep[3];
    for (size_t i = 0; i < 3; i++) {
        tape[i] = bytes_on(chips[i], RATE "16 learner.steps=9").tape -
                  bytes_on(chips[i], RATE "16 learner.steps=5").tape;
        keep[i] = bytes_on(chips[i], RATE "16 keep.name=si").optimiser -
                  bytes_on(chips[i], RATE "16 keep.name=anchor").optimiser;
    }
    assert_true(tape[0] > 0 && tape[0] == tape[1] && tape[1] == tape[2]);
    assert_true(keep[0] > 0 && keep[0] == keep[1] && keep[1] == keep[2]);
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
        cmocka_unit_test(test_only_pointers_are_shorter_there),
        cmocka_unit_test(test_a_size_to_the_byte),
        cmocka_unit_test(test_numbers_are_as_long_there),
        cmocka_unit_test(test_refusals_reach_the_caller),
    };
    if (sizeof(hth_real) == 8)
        return 0; /* the sizes of base/chip_sizes.h are of single precision */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
