/* Conventions of spiking cells: when a unit may spike again, and whether it spikes at its threshold. */
#include "laws.h"

#include "network/tape.h"

enum { STEPS = 60 };

/* Spikes of the one unit. */
static size_t spikes_of(const char *settings, double drive, size_t steps, size_t at[STEPS]) {
    law_rig rig;
    hth_tape *tape;
    hth_error error;
    size_t count = 0;
    const law_case c = {
        .settings = settings, .inputs = 1, .outputs = 1, .steps = STEPS, .batch = 1};
    law_setup(&rig, &c);
    hth_real *theta = hth_network_parameters(rig.network), x[STEPS];
    theta[rig.network->layers[0].weight + 1] = 1; /* [z; x; 1] */
    for (size_t t = 0; t < STEPS; t++) x[t] = (hth_real)(t < steps ? drive : 0);
    hth_chunk chunk = rig.chunk;
    chunk.x = x;
    must(hth_tape_create(rig.network, STEPS, 1, rig.compute, NULL, &tape, &error), &error);
    must(hth_forward(tape, &chunk, &rig.report, &error), &error);
    for (size_t t = 0; t < STEPS; t++)
        if (tape->layers[0].u[(t + 1) * rig.network->layers[0].stride] > 0) at[count++] = t;
    hth_tape_destroy(tape);
    law_teardown(&rig);
    return count;
}

static void interval(const char *cell, int refractory, const char *rule, size_t expected) {
    char settings[200];
    size_t at[STEPS];
    snprintf(settings, sizeof settings,
             "cell.name=%s network.units=1 cell.refractory=%d cell.refractory_rule=%s", cell,
             refractory, rule);
    /* Driven so strongly that it spikes whenever it may. */
    const size_t count = spikes_of(settings, 1e3, STEPS, at);
    assert_int_equal(count, (STEPS + expected - 1) / expected);
    for (size_t i = 1; i < count; i++)
        if (at[i] - at[i - 1] != expected)
            fail_msg("%s: interval %zu, not %zu", settings, at[i] - at[i - 1], expected);
}

static void test_refractory_rules(void **state) {
    static const char *const cells[] = {"lif", "alif"};
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cells); i++) {
        interval(cells[i], 0, "interval", 1);
        interval(cells[i], 0, "silent", 1);
        interval(cells[i], 1, "interval", 1);
        interval(cells[i], 1, "silent", 2);
        interval(cells[i], 5, "interval", 5);
        interval(cells[i], 5, "silent", 6);
    }
}

/* A single input of v_th brings v to the threshold exactly. */
static void test_at_the_threshold(void **state) {
    size_t at[STEPS];
    (void)state;
    static const char *const cells[] = {"lif", "alif"};
    for (size_t i = 0; i < HTH_COUNT(cells); i++) {
        char above[120], or_at[160];
        snprintf(above, sizeof above, "cell.name=%s network.units=1 cell.v_th=0.5", cells[i]);
        snprintf(or_at, sizeof or_at, "%s cell.threshold_at=at-or-above", above);
        assert_int_equal(spikes_of(above, 0.5, 1, at), 0);
        assert_int_equal(spikes_of(or_at, 0.5, 1, at), 1);
        assert_int_equal(spikes_of(above, 0.501, 1, at), 1);
        assert_int_equal(spikes_of(or_at, 0.499, 1, at), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refractory_rules),
        cmocka_unit_test(test_at_the_threshold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
