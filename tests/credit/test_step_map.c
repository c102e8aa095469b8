/* A step as a map: its Jacobian is the derivative of the step, by central differences; errors that go back by Jacobians
 * are those that backpropagation has at the start of a tape. */
#include "credit/inspect.h"
#include "credit/joint.h"
#include "laws.h"

enum { STEPS = 6, MOST = 64 };

static const char *const nets[] = {
    "cell.name=rate cell.alpha=0.5 network.units=5",
    "cell.name=rate-pre cell.alpha=0.4 network.units=5 readout.kappa=0.7",
    "cell.name=gru network.units=4,3",
    "cell.name=lstm network.units=4 readout.kappa=0.6",
    "cell.name=sublstm network.units=4",
    "network.cells=lstm,rate network.units=3,4 network.reads=below,below+input",
};

static law_rig rig_of(const char *settings) {
    law_rig rig;
    law_setup(
        &rig,
        &(law_case){.settings = settings, .inputs = 3, .outputs = 2, .steps = STEPS, .batch = 1});
    return rig;
}

static hth_step_map *map_of(const law_rig *rig) {
    hth_step_map *map;
    hth_error error;
    must(hth_step_map_create(rig->network, rig->compute, &map, &error), &error);
    return map;
}

static void take(hth_step_map *map, const law_rig *rig, size_t t) {
    hth_error error;
    must(hth_step_take(map, rig->chunk.x + t * rig->what.inputs, -1, &error), &error);
}

/* The step is the tape's: states after several are those of a tape of as many. */
static void the_jacobian_is_the_derivative(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(nets); i++) {
        law_rig rig = rig_of(nets[i]);
        hth_step_map *map = map_of(&rig);
        const hth_step_sizes sizes = hth_step_map_sizes(map);
        const size_t N = sizes.units, all = sizes.all;
        hth_real x[MOST], high[MOST], low[MOST], J[MOST * MOST], G[MOST * 3], of_whole[MOST];
        hth_tape *tape;
        hth_error error;
        assert_true(N < MOST && sizes.sets);
        must(hth_tape_create(rig.network, STEPS, 1, rig.compute, NULL, &tape, &error), &error);
        must(hth_forward(tape, &rig.chunk, &rig.report, &error), &error);
        hth_joint_values(tape, STEPS, 0, of_whole);
        hth_step_reset(map);
        for (size_t t = 0; t + 1 < STEPS; t++) take(map, &rig, t);
        hth_step_get(map, x);
        take(map, &rig, STEPS - 1);
        hth_step_jacobian(map, J, G);
        hth_step_get(map, high);
        for (size_t k = 0; k < N; k++)
            assert_true(fabs((double)(high[k] - of_whole[k])) <= tolerance(1e-13, 1e-5));
        /* Each number of X is moved to either side. */
        const double h = tolerance(1e-5, 1e-2);
        double worst = 0, size = 0;
        for (size_t j = 0; j < N; j++) {
            for (int side = 0; side < 2; side++) {
                const hth_real kept = x[j];
                x[j] += (hth_real)(side ? -h : h);
                hth_step_put(map, x);
                take(map, &rig, STEPS - 1);
                hth_step_get(map, side ? low : high);
                x[j] = kept;
            }
            for (size_t k = 0; k < N; k++) {
                const double difference = (double)(high[k] - low[k]) / (2 * h);
                worst = fmax(worst, fabs(difference - (double)J[k * all + j]));
                size = fmax(size, fabs(difference));
            }
        }
        /* And each input. */
        hth_real in[3];
        memcpy(in, rig.chunk.x + (STEPS - 1) * 3, sizeof in);
        for (size_t j = 0; j < 3; j++) {
            for (int side = 0; side < 2; side++) {
                const hth_real kept = in[j];
                in[j] += (hth_real)(side ? -h : h);
                hth_step_put(map, x);
                must(hth_step_take(map, in, -1, &error), &error);
                hth_step_get(map, side ? low : high);
                in[j] = kept;
            }
            for (size_t k = 0; k < N; k++)
                worst =
                    fmax(worst, fabs((double)(high[k] - low[k]) / (2 * h) - (double)G[k * 3 + j]));
        }
        if (!(worst <= tolerance(1e-8, 3e-3) * size)) fail_msg("%s: %g", nets[i], worst / size);
        /* At another state it is another. */
        for (size_t k = 0; k < N; k++) x[k] += (hth_real)0.3;
        hth_step_put(map, x);
        take(map, &rig, STEPS - 1);
        hth_real K[MOST * MOST];
        hth_step_jacobian(map, K, NULL);
        double other = 0;
        for (size_t k = 0; k < all * all; k++) other = fmax(other, fabs((double)(J[k] - K[k])));
        assert_true(other > 1e-3 * size);
        hth_tape_destroy(tape);
        hth_step_map_destroy(map);
        law_teardown(&rig);
    }
}

/* dE_T/dX before the first of T steps: by backpropagation over a tape of T steps of which the last has an error. */
static void by_backpropagation(const law_rig *rig, const hth_verdict *last, hth_real *out) {
    const hth_setting settings[] = {{"learner.name", "tbptt", NULL},
                                    {"learner.inputs", "true", NULL}};
    hth_learner *learner;
    hth_gradient *gradient;
    hth_tape *tape;
    hth_error error;
    must(hth_tape_create(rig->network, STEPS, 1, rig->compute, NULL, &tape, &error), &error);
    must(hth_learner_create(&(hth_settings){settings, HTH_COUNT(settings)}, rig->network, STEPS, 1,
                            1, rig->compute, NULL, &learner, &error),
         &error);
    must(hth_gradient_create(rig->network, NULL, &gradient, &error), &error);
    const hth_inputs in = {.steps = STEPS, .batch = 1, .x = rig->chunk.x};
    must(hth_tape_write(tape, &in, &error), &error);
    must(hth_tape_judge(tape, last, NULL, &error), &error);
    must(hth_learn(learner, tape, gradient, &error), &error);
    hth_joint_start(learner, 0, out);
    hth_gradient_destroy(gradient);
    hth_learner_destroy(learner);
    hth_tape_destroy(tape);
}

static void errors_go_back_as_in_backpropagation(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(nets); i++) {
        law_rig rig = rig_of(nets[i]);
        hth_step_map *map = map_of(&rig);
        const size_t all = hth_step_map_sizes(map).all;
        hth_real J[STEPS][MOST * MOST], x[MOST], before[MOST], whole[MOST], first[MOST];
        hth_error error;
        hth_verdict verdict = {.from = STEPS - 1,
                               .steps = 1,
                               .targets = rig.chunk.targets + (STEPS - 1) * rig.what.outputs};
        by_backpropagation(&rig, &verdict, whole);
        hth_step_reset(map);
        for (size_t t = 0; t < STEPS; t++) {
            take(map, &rig, t);
            hth_step_jacobian(map, J[t], NULL);
        }
        verdict.from = 0;
        must(hth_step_error(map, &verdict, x, &error), &error);
        double size = 0, difference = 0, shorter = 0;
        for (size_t t = STEPS; t-- > 0;) {
            memset(before, 0, sizeof before);
            for (size_t k = 0; k < all; k++)
                for (size_t j = 0; j < all; j++) before[j] += x[k] * J[t][k * all + j];
            memcpy(x, before, sizeof x);
            if (t == 1) memcpy(first, x, sizeof x);
        }
        for (size_t k = 0; k < all; k++) {
            size = fmax(size, fabs((double)whole[k]));
            difference = fmax(difference, fabs((double)(x[k] - whole[k])));
            shorter = fmax(shorter, fabs((double)(first[k] - whole[k])));
        }
        assert_true(size > 1e-6);
        if (!(difference <= tolerance(1e-12, 1e-4) * size))
            fail_msg("%s: %g", nets[i], difference / size);
        assert_true(shorter > 1e-3 * size);
        hth_step_map_destroy(map);
        law_teardown(&rig);
    }
}

/* What reaches the units by y is there beside what reaches them without it: without a leak, of the same weights, the
 * error of one step is the same but for the gain. */
static void credit_goes_by_the_outputs_too(void **state) {
    (void)state;
    law_rig rig = rig_of("cell.name=gru network.units=4 readout.kappa=0.5");
    hth_step_map *map = map_of(&rig);
    const hth_step_sizes sizes = hth_step_map_sizes(map);
    const hth_readout *r = &rig.network->readout;
    hth_real x[MOST] = {0}, out[MOST];
    x[sizes.units] = 2;
    x[1] = 1;
    hth_step_credit(map, x, out);
    for (size_t j = 0; j < 4; j++) {
        const double w = (double)(r->gain * rig.network->theta[r->weight + j]);
        assert_true(fabs((double)out[j] - (2 * w + (j == 1))) <= tolerance(1e-15, 1e-6));
    }
    hth_step_map_destroy(map);
    law_teardown(&rig);
}

static void what_is_no_map_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"network.units=4,3 network.layers=units,store",
                                        "network.units=4 readout.feedback=true",
                                        "network.units=4 network.direction=both"};
    for (size_t i = 0; i < HTH_COUNT(wrong); i++) {
        law_rig rig = rig_of(wrong[i]);
        hth_step_map *map;
        hth_error error;
        assert_int_equal(hth_step_map_create(rig.network, rig.compute, &map, &error), HTH_INVALID);
        assert_non_null(strstr(error.message, "a step is a map of the states of the units alone"));
        law_teardown(&rig);
    }
    law_rig rig = rig_of("network.units=4 network.delay=1..2");
    hth_step_map *map = map_of(&rig);
    assert_false(hth_step_map_sizes(map).sets);
    hth_step_map_destroy(map);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_jacobian_is_the_derivative),
        cmocka_unit_test(errors_go_back_as_in_backpropagation),
        cmocka_unit_test(credit_goes_by_the_outputs_too),
        cmocka_unit_test(what_is_no_map_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
