/*
 * The exact laws: backpropagation = central differences for every cell, loss and parameter; RTRL, per step
 * and in blocks of any length, = backpropagation; each with a rule that must differ.
 */
#include "laws.h"

static const law_case cases[] = {
    {"cell.name=rate cell.alpha=0.4 network.units=7", 3, 0, 2, 11, 2, false, false},
    {"cell.name=rate cell.alpha=1 network.units=6 network.initial=learned readout.kappa=0.7", 2, 0,
     3, 9, 3, false, true},
    {"cell.name=rate cell.alpha=0.5 cell.phi=sigmoid network.units=5 loss.name=softmax", 2, 0, 3, 8,
     2, false, true},
    {"cell.name=rate cell.alpha=0.5 cell.phi=softplus network.units=5 init.w_rec_scale=0.3 "
     "loss.name=sigmoid loss.unit=bits",
     2, 0, 3, 8, 2, false, false},
    {"cell.name=rate cell.phi=identity network.units=4 init.w_rec_scale=0.3 loss.batch=sum", 2, 0,
     2, 8, 2, false, false},
    {"cell.name=rate cell.phi=relu network.units=9 init.w_rec_scale=0.5 loss.time=mean", 3, 0, 2, 8,
     2, false, false},
    {"cell.name=rate-pre cell.alpha=0.6 network.units=6 network.initial=learned", 3, 0, 2, 10, 2,
     false, true},
    {"cell.name=lstm network.units=5 network.initial=learned loss.name=softmax", 3, 0, 4, 10, 2,
     true, true},
    {"cell.name=lstm cell.output=linear network.units=4,5 readout.kappa=0.8 "
     "readout.bias_place=inside",
     3, 0, 2, 9, 2, false, false},
    {"cell.name=lstm network.units=5 network.embedding=3", 0, 6, 6, 10, 3, true, false},
    {"cell.name=gru network.units=6 network.initial=learned", 3, 0, 2, 10, 2, false, false},
    {"cell.name=gru network.units=4,3,5 network.embedding=3 network.initial=learned "
     "loss.name=sigmoid readout.kappa=0.5",
     0, 5, 4, 9, 2, false, true},
    {"cell.name=lif cell.spike=smooth network.units=7 readout.kappa=0.9 cell.v_th=0.6 "
     "init.w_in_scale=2",
     3, 0, 2, 14, 2, false, false},
    {"cell.name=lif cell.spike=smooth cell.refractory=3 cell.pseudo_derivative=gaussian "
     "network.units=6,5 cell.v_th=0.5 cell.scale_by_threshold=false readout.scale=true "
     "readout.kappa=0.8 init.w_in_scale=2",
     3, 0, 2, 12, 2, false, false},
    {"cell.name=lif cell.spike=smooth cell.pseudo_derivative=arctan cell.scale_input=true "
     "cell.tau_m=3 network.units=6 network.initial=learned network.self_connections=true "
     "network.bias=true init.w_in_scale=2",
     3, 0, 2, 12, 2, false, false},
    {"cell.name=alif cell.spike=smooth cell.beta=0.3 cell.tau_a=10 network.units=7 "
     "readout.kappa=0.9 cell.v_th=0.6 init.w_in_scale=2",
     3, 0, 2, 14, 2, false, false},
    {"cell.name=alif cell.spike=smooth cell.refractory=2 cell.pseudo_derivative=fast-sigmoid "
     "cell.width=0.7 cell.beta=0.5 cell.tau_a=5 network.units=5,4 network.initial=learned "
     "init.w_in_scale=2",
     3, 0, 2, 12, 2, false, true},
    {"cell.name=lif cell.spike=smooth cell.reset=zero cell.refractory=2 network.units=7 "
     "cell.v_th=0.5 "
     "readout.kappa=0.9 init.w_in_scale=2 cell.gamma=1",
     3, 0, 2, 14, 2, false, false},
    {"cell.name=alif cell.spike=smooth cell.reset=zero cell.beta=0.3 cell.tau_a=10 network.units=6 "
     "cell.v_th=0.6 init.w_in_scale=2 cell.pseudo_derivative=gaussian cell.gamma=1",
     3, 0, 2, 12, 2, false, true},
    {"cell.name=cubalif cell.spike=smooth cell.tau_syn=3 network.units=7 cell.v_th=0.6 "
     "network.initial=learned init.w_in_scale=2",
     3, 0, 2, 12, 2, false, false},
    {"network.cells=cubalif,cubalif cell.spike=smooth cell.reset=zero cell.scale_input=true "
     "cell.tau_syn=2 cell.tau_m=4 network.units=6,5 cell.v_th=0.3 cell.gamma=1 init.w_in_scale=3",
     3, 0, 2, 12, 2, false, false},
    /* units that learn time constants, thresholds and adaptation of their own */
    {"cell.name=rate cell.alpha=0.2,0.4,0.6,0.5,0.3 cell.learn=alpha network.units=5", 3, 0, 2, 11,
     2, false, false},
    {"cell.name=lif cell.learn=tau_m,v_th cell.spike=smooth cell.tau_m=4 cell.gamma=1 "
     "cell.v_th=0.5 network.units=6 cell.pseudo_derivative=gaussian readout.kappa=0.9 "
     "init.w_in_scale=2",
     3, 0, 2, 14, 2, false, false},
    {"cell.name=lif cell.learn=tau_m,v_th cell.spike=smooth cell.reset=zero cell.scale_input=true "
     "cell.scale_by_threshold=false cell.tau_m=4 cell.gamma=1 cell.v_th=0.5 network.units=6 "
     "cell.pseudo_derivative=arctan cell.refractory=2 network.initial=learned init.w_in_scale=3",
     3, 0, 2, 14, 2, false, true},
    {"cell.name=alif cell.learn=tau_m,v_th,tau_a,beta cell.spike=smooth cell.beta=0.5 "
     "cell.tau_a=5 cell.tau_m=4 cell.gamma=1 cell.pseudo_derivative=gaussian network.units=5 "
     "cell.v_th=0.6 network.initial=learned init.w_in_scale=2",
     3, 0, 2, 14, 2, false, false},
    {"cell.name=alif cell.learn=beta,v_th cell.spike=smooth cell.beta=0.5,0,0.3,1 cell.tau_a=5 "
     "cell.reset=zero cell.scale_by_threshold=false cell.gamma=1 cell.refractory=2 "
     "cell.pseudo_derivative=gaussian network.units=4 cell.v_th=0.6 readout.kappa=0.8 "
     "init.w_in_scale=2",
     3, 0, 2, 14, 2, false, false},
    {"cell.name=cubalif cell.learn=tau_m,v_th,tau_syn cell.spike=smooth cell.tau_syn=3 "
     "cell.tau_m=4 cell.gamma=1 cell.pseudo_derivative=gaussian network.units=5 cell.v_th=0.6 "
     "init.w_in_scale=2",
     3, 0, 2, 14, 2, false, false},
    {"network.cells=cubalif,rate cell.learn=tau_syn,tau_m layer1.cell.learn=alpha cell.alpha=0.4 "
     "cell.spike=smooth cell.reset=zero cell.scale_input=true cell.tau_syn=2 cell.tau_m=4 "
     "network.units=6,5 cell.v_th=0.3 cell.gamma=1 init.w_in_scale=3",
     3, 0, 2, 12, 2, false, false},
    /* layers that read the input too, layers side by side, and a readout that reads the input */
    {"network.units=4,5 network.reads=below,below+input readout.reads=top+input readout.kappa=0.7",
     3, 0, 2, 10, 2, false, false},
    {"network.units=4,3 network.reads=input,input network.cells=lstm,rate cell.alpha=0.5 "
     "readout.kappa=0.6 network.initial=learned",
     3, 0, 2, 10, 2, false, true},
    {"network.units=4,3,5 network.reads=below,input,below+input network.cells=rate,gru,rate "
     "cell.alpha=0.5",
     2, 0, 3, 10, 2, true, false},
    {"network.units=4,3 network.reads=below,below+input network.embedding=3 cell.name=gru", 0, 5, 3,
     10, 2, true, false},
    {"network.units=3 readout.reads=top+input cell.alpha=0.4 readout.kappa=0.5 "
     "readout.bias_place=inside",
     3, 0, 2, 10, 2, false, true},
    /* layers of different cells */
    {"network.cells=rate,lstm network.units=5,4 network.initial=learned cell.alpha=0.4", 3, 0, 2,
     10, 2, false, true},
    {"network.cells=lstm,rate network.units=4,5 cell.alpha=0.6 readout.kappa=0.7 "
     "network.initial=learned",
     3, 0, 2, 10, 2, false, false},
    {"network.cells=alif,gru network.units=6,4 cell.spike=smooth cell.beta=0.3 cell.tau_a=10 "
     "cell.v_th=0.6 init.w_in_scale=2 readout.kappa=0.8",
     3, 0, 2, 12, 2, false, false},
    {"network.cells=lif,alif network.units=5,4 cell.spike=smooth layer0.cell.v_th=0.5 "
     "layer1.cell.v_th=0.3,0.4,0.5,0.6 layer1.cell.beta=0.4 layer1.cell.tau_m=5 cell.tau_m=12 "
     "layer0.cell.pseudo_derivative=gaussian init.w_in_scale=2 network.initial=learned",
     3, 0, 2, 12, 2, false, true},
    {"network.cells=gru,rate-pre,lif network.units=4,5,9 cell.spike=smooth cell.v_th=0.4 "
     "cell.alpha=0.5 "
     "network.embedding=3 init.w_in_scale=2 readout.kappa=0.5",
     0, 5, 3, 10, 2, true, false},
};

/* More outputs than pass through the cache together: see readout.c. */
static const law_case many_outputs[] = {
    {"cell.name=rate network.units=4", 2, 0, 530, 5, 2, true, true},
    {"cell.name=rate network.units=4 readout.kappa=0.6 loss.name=mse loss.time=mean", 2, 0, 300, 5,
     2, false, true},
    {"cell.name=rate network.units=3 readout.kappa=0.6 loss.name=softmax readout.bias=false", 2, 0,
     300, 4, 3, false, false},
};

static void assert_bptt_is_the_derivative(const law_case *what) {
    law_rig rig;
    law_setup(&rig, what);
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", what->steps);
    hth_real *numeric = malloc(rig.count * sizeof *numeric);
    law_differences(&rig, numeric);
    /* the triangle and the fast sigmoid have corners: their differences are less accurate */
    bool corners = strstr(what->settings, "smooth") && !strstr(what->settings, "gaussian") &&
                   !strstr(what->settings, "arctan");
    law_assert_equal(&rig, "bptt = differences", exact, numeric, corners ? 2e-5 : 1e-8);
    hth_real *cut = law_gradient(&rig, "learner.recurrence=none", what->steps);
    law_assert_differs(&rig, "without recurrence", cut, numeric, 1e-3);
    free(exact);
    free(numeric);
    free(cut);
    law_teardown(&rig);
}

static void test_bptt_is_the_derivative(void **state) {
    (void)state;
    if (sizeof(hth_real) == sizeof(float)) return; /* differences of floats prove little */
    for (size_t c = 0; c < HTH_COUNT(cases); c++) assert_bptt_is_the_derivative(&cases[c]);
}

static void test_many_outputs(void **state) {
    (void)state;
    if (sizeof(hth_real) == sizeof(float)) return;
    for (size_t c = 0; c < HTH_COUNT(many_outputs); c++)
        assert_bptt_is_the_derivative(&many_outputs[c]);
}

static void assert_rtrl(law_rig *rig, const hth_real *exact, size_t K) {
    char what[64];
    snprintf(what, sizeof what, "rtrl(K=%zu) = bptt", K);
    hth_real *rtrl = law_gradient(rig, "learner.name=rtrl", K);
    law_assert_equal(rig, what, rtrl, exact, tolerance(1e-10, 2e-3));
    free(rtrl);
}

static void test_rtrl_is_bptt(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        if (strstr(cases[c].settings, "loss.time=mean"))
            continue; /* a mean over K is not one over T */
        law_setup(&rig, &cases[c]);
        hth_real *exact = law_gradient(&rig, "learner.name=bptt", cases[c].steps);
        law_assert_alive(&rig);
        assert_rtrl(&rig, exact, 1);
        assert_rtrl(&rig, exact, 3);
        assert_rtrl(&rig, exact, 7);
        assert_rtrl(&rig, exact, cases[c].steps);
        hth_real *truncated = law_gradient(&rig, "learner.name=tbptt", 3);
        law_assert_differs(&rig, "truncated", truncated, exact, 1e-4);
        free(exact);
        free(truncated);
        law_teardown(&rig);
    }
}

/* The same with real spikes: the pseudo-derivative's gradient, by either road. */
static void test_rtrl_is_bptt_with_spikes(void **state) {
    (void)state;
    static const law_case spiking[] = {
        {"cell.name=lif network.units=12 readout.kappa=0.9 cell.v_th=0.6 init.w_in_scale=2", 3, 0,
         2, 30, 2, false, false},
        {"cell.name=lif cell.refractory=3 cell.reset_gradient=false network.units=9,8 "
         "cell.v_th=0.5 readout.kappa=0.8 init.w_in_scale=3",
         3, 0, 2, 30, 2, false, false},
        {"cell.name=alif cell.beta=0.3 cell.tau_a=10 cell.refractory=2 network.units=12 "
         "readout.kappa=0.9 cell.v_th=0.6 init.w_in_scale=2",
         3, 0, 2, 30, 2, false, true},
        {"cell.name=lif cell.reset=zero network.units=12 readout.kappa=0.9 cell.v_th=0.6 "
         "init.w_in_scale=2",
         3, 0, 2, 30, 2, false, false},
        {"cell.name=lif cell.reset=zero cell.reset_gradient=false cell.refractory=3 "
         "network.units=12 "
         "readout.kappa=0.9 cell.v_th=0.6 init.w_in_scale=2",
         3, 0, 2, 30, 2, false, false},
        {"cell.name=alif cell.reset=zero cell.beta=0.3 cell.tau_a=10 network.units=9,8 "
         "readout.kappa=0.9 cell.v_th=0.5 init.w_in_scale=3",
         3, 0, 2, 30, 2, false, true},
        {"cell.name=cubalif cell.tau_syn=3 network.units=12 readout.kappa=0.9 cell.v_th=0.8 "
         "init.w_in_scale=2",
         3, 0, 2, 30, 2, false, false},
        {"cell.name=cubalif cell.tau_syn=3 cell.reset=zero cell.refractory=2 network.units=9,8 "
         "readout.kappa=0.9 cell.v_th=0.8 init.w_in_scale=2",
         3, 0, 2, 30, 2, false, false},
        {"cell.name=lif cell.learn=tau_m,v_th network.units=12 readout.kappa=0.9 cell.v_th=0.6 "
         "init.w_in_scale=2",
         3, 0, 2, 30, 2, false, false},
        {"cell.name=alif cell.learn=tau_m,v_th,tau_a,beta cell.beta=0.3 cell.tau_a=10 "
         "cell.refractory=2 network.units=12 readout.kappa=0.9 cell.v_th=0.6 init.w_in_scale=2",
         3, 0, 2, 30, 2, false, true},
        {"cell.name=alif cell.learn=tau_a,beta cell.reset=zero cell.beta=0.3 cell.tau_a=10 "
         "network.units=9,8 readout.kappa=0.9 cell.v_th=0.5 init.w_in_scale=3",
         3, 0, 2, 30, 2, false, true},
        {"cell.name=cubalif cell.learn=tau_syn,v_th,tau_m cell.tau_syn=3 cell.reset=zero "
         "cell.refractory=2 network.units=12 readout.kappa=0.9 cell.v_th=0.8 init.w_in_scale=2",
         3, 0, 2, 30, 2, false, false},
        {"network.cells=lif,lstm network.units=14,5 cell.v_th=0.6 init.w_in_scale=2", 3, 0, 2, 30,
         2, false, false},
        {"network.cells=rate,alif network.units=8,12 cell.v_th=0.5 layer1.cell.tau_m=6 "
         "init.w_in_scale=3 readout.kappa=0.8",
         3, 0, 2, 30, 2, false, true},
    };
    for (size_t c = 0; c < HTH_COUNT(spiking); c++) {
        law_rig rig;
        law_setup(&rig, &spiking[c]);
        hth_real *exact = law_gradient(&rig, "learner.name=bptt", spiking[c].steps);
        law_assert_alive(&rig);
        assert_rtrl(&rig, exact, 1);
        assert_rtrl(&rig, exact, 8);
        hth_real *other = law_gradient(&rig, "learner.recurrence=none", spiking[c].steps);
        law_assert_differs(&rig, "without recurrence", other, exact, 1e-2);
        free(exact);
        free(other);
        law_teardown(&rig);
    }
}

/* The readout's gradient is exact for tapes of any length: it carries the filtered z along. */
static void test_readout_is_exact_for_any_tape(void **state) {
    (void)state;
    static const law_case leaky = {
        "cell.name=rate network.units=5 readout.kappa=0.8 readout.bias_place=inside",
        2,
        0,
        3,
        12,
        2,
        false,
        true};
    law_rig rig;
    law_setup(&rig, &leaky);
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", 12);
    for (size_t K = 1; K <= 12; K += 4) {
        hth_real *by_tapes = law_gradient(&rig, "learner.name=readout-only", K);
        for (size_t b = 1; b <= 2; b++) {
            assert_true(law_largest(&rig.network->blocks[b], exact) > 1e-3);
            assert_true(law_difference(&rig.network->blocks[b], by_tapes, exact) <
                        tolerance(1e-12, 1e-5));
        }
        assert_true(law_largest(&rig.network->blocks[0], by_tapes) ==
                    0); /* the units learn nothing */
        free(by_tapes);
    }
    free(exact);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bptt_is_the_derivative),
        cmocka_unit_test(test_many_outputs),
        cmocka_unit_test(test_rtrl_is_bptt),
        cmocka_unit_test(test_rtrl_is_bptt_with_spikes),
        cmocka_unit_test(test_readout_is_exact_for_any_tape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
