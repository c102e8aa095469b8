/* The loss of actor and critic: its error is the derivative of what it reports, by central differences through whole
 * networks; where nothing is to be learned it is 0. */
#include "laws.h"

static const law_case cases[] = {
    {"cell.name=rate network.units=4 loss.name=actor-critic loss.value=0.7 loss.entropy=0.3", 2, 0,
     4, 6, 3, false, false},
    {"cell.name=lstm network.units=3 loss.name=actor-critic loss.value=0.2", 2, 0, 3, 5, 2, false,
     true},
    {"cell.name=gru network.units=3 loss.name=actor-critic loss.entropy=1 readout.kappa=0.5", 1, 0,
     2, 5, 1, false, true},
};

/* Advantages of either sign. */
static void set_up(law_rig *rig, const law_case *c) {
    law_setup(rig, c);
    hth_real *targets = (hth_real *)rig->chunk.targets;
    for (size_t i = 0; i < c->steps * c->batch * c->outputs; i++) targets[i] -= HTH_C(0.5);
}

static void error_is_the_derivative(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        law_rig rig;
        set_up(&rig, &cases[i]);
        hth_real *differences = malloc(rig.count * sizeof *differences);
        law_differences(&rig, differences);
        hth_real *g = law_gradient(&rig, "learner.name=bptt", cases[i].steps);
        law_assert_equal(&rig, cases[i].settings, g, differences, tolerance(1e-8, 2e-2));
        /* The control: without its entropy, or with another weight of the value, it is not. */
        hth_network_anneal(rig.network, 0, true);
        ((double *)rig.network->readout.loss_options)[0] += 0.1;
        hth_real *other = law_gradient(&rig, "learner.name=bptt", cases[i].steps);
        law_assert_differs(&rig, cases[i].settings, other, differences, tolerance(1e-3, 5e-2));
        free(other);
        free(g);
        free(differences);
        law_teardown(&rig);
    }
}

/* Without reward, and with a value that is exact, there is no gradient; with an advantage there is. */
static void nothing_to_learn(void **state) {
    (void)state;
    law_case c = cases[0];
    law_rig rig;
    hth_tape *tape;
    hth_error error;
    c.settings = "cell.name=rate network.units=4 loss.name=actor-critic";
    set_up(&rig, &c);
    must(hth_tape_create(rig.network, c.steps, c.batch, rig.compute, NULL, &tape, &error), &error);
    must(hth_forward(tape, &rig.chunk, &rig.report, &error), &error);
    hth_real *targets = (hth_real *)rig.chunk.targets;
    must(hth_tape_read(tape, 0, c.steps, targets, &error), &error);
    for (size_t i = 0; i < c.steps * c.batch * c.outputs; i++)
        if (i % c.outputs + 1 < c.outputs) targets[i] = 0;
    hth_real *none = law_gradient(&rig, "learner.name=bptt", c.steps);
    double largest = 0;
    for (size_t i = 0; i < rig.count; i++) largest = fmax(largest, fabs((double)none[i]));
    assert_true(largest < tolerance(1e-14, 1e-5));
    targets[0] = 1;
    hth_real *some = law_gradient(&rig, "learner.name=bptt", c.steps);
    for (size_t i = 0; i < rig.count; i++) largest = fmax(largest, fabs((double)some[i]));
    assert_true(largest > 0.01);
    free(none);
    free(some);
    hth_tape_destroy(tape);
    law_teardown(&rig);
}

/* By hand, to 12 digits: two actions, logits .3 and -.2, value .5; the first was taken, advantage .7, return 1.2. */
static void numbers_by_hand(void **state) {
    (void)state;
    const double pi = 1 / (1 + exp(-0.5)), entropy = -pi * log(pi) - (1 - pi) * log(1 - pi);
    const hth_real y[] = {HTH_C(0.3), HTH_C(-0.2), HTH_C(0.5)};
    const hth_real targets[] = {HTH_C(0.7), 0, HTH_C(1.2)};
    const hth_chunk chunk = {.steps = 1, .batch = 1, .targets = targets};
    struct {
        double value, entropy, end, now;
    } options = {0.4, 0.1, -1, 0.1};
    const hth_loss_tile tile = {
        .options = &options, .rows = 3, .items = 1, .stride = 1, .outputs = 3, .chunk = &chunk};
    hth_real copy[3], error[3];
    size_t index = 0;
    while (strcmp(hth_loss_at(index)->part.name, "actor-critic") != 0) index++;
    const hth_loss *loss = hth_loss_at(index);
    memcpy(copy, y, sizeof y);
    const double E = loss->measure(&tile, copy);
    loss->error(&tile, copy, 1, error);
    const double allowed = tolerance(1e-12, 1e-6);
    assert_true(fabs(E - (-0.7 * log(pi) + 0.2 * 0.49 - 0.1 * entropy)) < allowed);
    const double bend = 0.1 * pi * (log(pi) + entropy);
    assert_true(fabs((double)error[0] - (0.7 * (pi - 1) + bend)) < allowed);
    assert_true(fabs((double)error[1] - (0.7 * (1 - pi) - bend)) < allowed);
    assert_true(fabs((double)error[2] - 0.4 * -0.7) < allowed);
}

/* What has no meaning is refused, and the entropy changes evenly. */
static void settings_are_checked(void **state) {
    (void)state;
    const hth_setting mse[] = {{"loss.name", "mse", NULL}};
    const hth_setting own[] = {{"loss.name", "actor-critic", NULL},
                               {"loss.entropy", "1", NULL},
                               {"loss.entropy_end", "0.5", NULL}};
    hth_shape shape = {.inputs = 1, .outputs = 3, .target = HTH_TARGET_ACTIONS};
    hth_network *network;
    hth_error error;
    const hth_settings others = {mse, 1}, settings = {own, 3}, none = {NULL, 0};
    assert_int_equal(hth_network_create(&others, &shape, 1, NULL, &network, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "actor-critic"));
    must(hth_network_create(&none, &shape, 1, NULL, &network, &error), &error);
    assert_string_equal(hth_network_look(network).loss, "actor-critic");
    assert_true(hth_network_anneal(network, 0.3, false) == 0);
    hth_network_destroy(network);
    must(hth_network_create(&settings, &shape, 1, NULL, &network, &error), &error);
    assert_true(hth_network_anneal(network, 0, false) == 1);
    assert_true(hth_network_anneal(network, 0.5, false) == 0.75);
    hth_network_destroy(network);
    shape.target = HTH_TARGET_CLASSES;
    assert_int_equal(hth_network_create(&settings, &shape, 1, NULL, &network, &error), HTH_INVALID);
    shape.target = HTH_TARGET_VALUES;
    shape.outputs = 1;
    assert_int_equal(hth_network_create(&settings, &shape, 1, NULL, &network, &error), HTH_INVALID);
    shape.outputs = 257;
    assert_int_equal(hth_network_create(&settings, &shape, 1, NULL, &network, &error), HTH_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_is_the_derivative), cmocka_unit_test(nothing_to_learn),
        cmocka_unit_test(numbers_by_hand), cmocka_unit_test(settings_are_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
