/*
 * Cells against their equations, written here a second time and unit by unit; the refractory rule; and a
 * silhouette that every registered cell must have.
 */
#include "laws.h"

#include "network/catalogues.h"
#include "network/tape.h"

/* One unit of one cell, stepped by hand: s and z in, a given. */
typedef struct unit {
    double s[3], z, a[4];
} unit;

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static void rate(unit *u) {
    u->z = u->s[0] = 0.6 * u->s[0] + 0.4 * tanh(u->a[0]);
}
static void rate_pre(unit *u) {
    u->s[0] = 0.7 * u->s[0] + u->a[0];
    u->z = sigmoid(u->s[0]);
}
static void lstm(unit *u) {
    u->s[0] = sigmoid(u->a[1]) * u->s[0] + sigmoid(u->a[0]) * tanh(u->a[3]);
    u->z = sigmoid(u->a[2]) * tanh(u->s[0]);
}
static void lstm_linear(unit *u) {
    u->s[0] = sigmoid(u->a[1]) * u->s[0] + sigmoid(u->a[0]) * tanh(u->a[3]);
    u->z = sigmoid(u->a[2]) * u->s[0];
}
static void gru(unit *u) {
    double r = sigmoid(u->a[0]), keep = sigmoid(u->a[1]);
    u->z = u->s[0] = keep * u->s[0] + (1 - keep) * tanh(u->a[2] + r * u->a[3]);
}
static void sublstm(unit *u) {
    u->s[0] = sigmoid(u->a[1]) * u->s[0] + sigmoid(u->a[3]) - sigmoid(u->a[0]);
    u->z = sigmoid(u->s[0]) - sigmoid(u->a[2]);
}
static void modrelu(unit *u) {
    u->z = u->s[0] = copysign(fmax(0, fabs(u->a[0]) + u->a[1]), u->a[0]);
}
static void lif(unit *u) { /* s[2]: steps until it may spike again, refractory = 3 */
    u->s[0] = exp(-1 / 20.0) * u->s[0] + u->a[0] - 0.6 * u->z;
    u->z = u->s[0] > 0.6 && u->s[2] <= 0;
    u->s[2] = u->z > 0 ? 2 : u->s[2] - 1;
}
static void lif_to_zero(unit *u) { /* s[2]: as above, refractory = 2 */
    u->s[0] = exp(-1 / 20.0) * (u->z > 0 ? 0 : u->s[0]) + u->a[0];
    u->z = u->s[0] > 0.6 && u->s[2] <= 0;
    u->s[2] = u->z > 0 ? 1 : u->s[2] - 1;
}
static void alif(unit *u) {
    u->s[0] = exp(-1 / 20.0) * u->s[0] + u->a[0] - 0.6 * u->z;
    u->s[1] = exp(-1 / 50.0) * u->s[1] + u->z;
    u->z = u->s[0] > 0.6 + 0.2 * u->s[1];
}

static void alif_to_zero(unit *u) {
    u->s[0] = exp(-1 / 20.0) * (u->z > 0 ? 0 : u->s[0]) + u->a[0];
    u->s[1] = exp(-1 / 50.0) * u->s[1] + u->z;
    u->z = u->s[0] > 0.6 + 0.2 * u->s[1];
}
static void cubalif(unit *u) {
    u->s[1] = exp(-1 / 4.0) * u->s[1] + u->a[0];
    u->s[0] = exp(-1 / 20.0) * u->s[0] + u->s[1] - 0.6 * u->z;
    u->z = u->s[0] > 0.6;
}
static void cubalif_of_nir(unit *u) {
    u->s[1] = exp(-0.5 / 4.0) * u->s[1] + (1 - exp(-0.5 / 4.0)) * u->a[0];
    u->s[0] = exp(-0.5 / 3.0) * (u->z > 0 ? 0 : u->s[0]) + (1 - exp(-0.5 / 3.0)) * u->s[1];
    u->z = u->s[0] > 0.2;
}

typedef struct cell_case {
    const char *settings;
    void (*step)(unit *u);
} cell_case;

static const cell_case cases[] = {
    {"cell.name=rate cell.alpha=0.4", rate},
    {"cell.name=rate-pre cell.alpha=0.7", rate_pre},
    {"cell.name=lstm", lstm},
    {"cell.name=lstm cell.output=linear", lstm_linear},
    {"cell.name=gru", gru},
    {"cell.name=sublstm cell.forget_bias=0.4", sublstm},
    {"cell.name=modrelu cell.offset=-0.2", modrelu},
    {"cell.name=lif cell.v_th=0.6 cell.refractory=3 init.w_in_scale=2", lif},
    {"cell.name=lif cell.v_th=0.6 cell.refractory=2 init.w_in_scale=2 cell.reset=zero",
     lif_to_zero},
    {"cell.name=alif cell.refractory=0 cell.v_th=0.6 cell.beta=0.2 cell.tau_a=50 init.w_in_scale=2",
     alif},
    {"cell.name=alif cell.refractory=0 cell.v_th=0.6 cell.beta=0.2 cell.tau_a=50 init.w_in_scale=2 "
     "cell.reset=zero",
     alif_to_zero},
    {"cell.name=cubalif cell.refractory=0 cell.v_th=0.6 cell.tau_syn=4 init.w_in_scale=2", cubalif},
    {"cell.name=cubalif cell.refractory=0 cell.v_th=0.2 cell.tau_syn=4 cell.tau_m=3 cell.dt=0.5 "
     "cell.reset=zero "
     "cell.scale_input=true init.w_in_scale=3",
     cubalif_of_nir},
};

enum { N = 6, STEPS = 40 };

/* All units by hand: drives from W [z; x; 1] in double, then the unit. */
static void step_by_hand(const law_rig *rig, size_t t, unit *units) {
    const hth_layer *layer = &rig->network->layers[0];
    double z[N];
    for (size_t j = 0; j < N; j++) z[j] = units[j].z;
    for (size_t row = 0; row < layer->rows; row++) {
        const hth_real *w = rig->network->theta + layer->weight + row * layer->m;
        double a = (double)w[layer->m - 1];
        for (size_t k = 0; k < N; k++) a += (double)w[k] * z[k];
        for (size_t k = 0; k < layer->inputs; k++)
            a += (double)w[N + k] * (double)rig->chunk.x[t * layer->inputs + k];
        units[row % N].a[row / N] = a;
    }
}

static void test_cells_follow_their_equations(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        char settings[256];
        snprintf(settings, sizeof settings, "%s network.units=6", cases[c].settings);
        const law_case what = {settings, 3, 0, 1, STEPS, 1, false, false};
        law_rig rig;
        unit units[N] = {0};
        hth_tape *tape;
        hth_error error;
        double largest = 0;
        law_setup(&rig, &what);
        must(hth_tape_create(rig.network, STEPS, 1, rig.compute, NULL, &tape, &error), &error);
        must(hth_forward(tape, &rig.chunk, &rig.report, &error), &error);
        for (size_t t = 0; t < STEPS; t++) {
            step_by_hand(&rig, t, units);
            for (size_t j = 0; j < N; j++) {
                cases[c].step(&units[j]);
                double ours =
                    (double)tape->layers[0].u[(t + 1) * rig.network->layers[0].stride + j];
                largest = fmax(largest, fabs(units[j].z));
                if (!(fabs(ours - units[j].z) < tolerance(1e-12, 2e-4)))
                    fail_msg("%s: unit %zu, step %zu: z is %.9g, not %.9g", settings, j, t, ours,
                             units[j].z);
            }
        }
        assert_true(largest > 0.1);
        law_assert_alive(&rig);
        hth_tape_destroy(tape);
        law_teardown(&rig);
    }
}

/* A driven unit spikes every `refractory` steps and no faster; without a period, at every step. */
static void test_refractory_period(void **state) {
    (void)state;
    for (int period = 0; period <= 5; period++) {
        char settings[256];
        snprintf(settings, sizeof settings,
                 "cell.name=lif network.units=1 cell.v_th=0.1 cell.tau_m=1e6 cell.refractory=%d",
                 period);
        const law_case what = {settings, 1, 0, 1, 30, 1, false, false};
        law_rig rig;
        hth_tape *tape;
        hth_error error;
        law_setup(&rig, &what);
        rig.network->theta[1] = 1; /* a drive of 1 at every step */
        for (size_t t = 0; t < 30; t++) ((hth_real *)rig.chunk.x)[t] = 1;
        must(hth_tape_create(rig.network, 30, 1, rig.compute, NULL, &tape, &error), &error);
        must(hth_forward(tape, &rig.chunk, &rig.report, &error), &error);
        size_t last = 0, count = 0;
        for (size_t t = 0; t < 30; t++) {
            if (tape->layers[0].u[(t + 1) * rig.network->layers[0].stride] == 0) continue;
            if (count++) assert_int_equal(t - last, period > 1 ? period : 1);
            last = t;
        }
        assert_true(count >= 6);
        hth_tape_destroy(tape);
        law_teardown(&rig);
    }
}

/* The outputs of the rig's network over its data. */
static hth_real *spikes_of(law_rig *rig, const law_case *what) {
    hth_tape *tape;
    hth_error error;
    law_setup(rig, what);
    must(hth_tape_create(rig->network, STEPS, 1, rig->compute, NULL, &tape, &error), &error);
    must(hth_forward(tape, &rig->chunk, &rig->report, &error), &error);
    const hth_layer *layer = &rig->network->layers[0];
    hth_real *z = malloc(STEPS * N * sizeof *z);
    for (size_t t = 0; t < STEPS; t++)
        memcpy(z + t * N, tape->layers[0].u + (t + 1) * layer->stride, N * sizeof *z);
    hth_tape_destroy(tape);
    return z;
}

/* A current that is gone at the next step is none: CubaLIF is LIF, bit for bit. */
static void test_cubalif_without_a_current_is_lif(void **state) {
    static const char *const both = "network.units=6 init.w_in_scale=2";
    char text[3][128];
    law_rig rig[3];
    hth_real *z[3];
    (void)state;
    snprintf(text[0], sizeof text[0], "cell.name=lif %s", both);
    snprintf(text[1], sizeof text[1], "cell.name=cubalif cell.tau_syn=1e-3 %s", both);
    snprintf(text[2], sizeof text[2], "cell.name=cubalif cell.tau_syn=2 %s", both);
    for (size_t i = 0; i < 3; i++) {
        const law_case what = {text[i], 3, 0, 1, STEPS, 1, false, false};
        z[i] = spikes_of(&rig[i], &what);
        law_assert_alive(&rig[i]);
    }
    assert_memory_equal(z[0], z[1], STEPS * N * sizeof *z[0]);
    assert_true(memcmp(z[0], z[2], STEPS * N * sizeof *z[0]) != 0);
    for (size_t i = 0; i < 3; i++) {
        free(z[i]);
        law_teardown(&rig[i]);
    }
}

static void test_every_cell_has_the_silhouette(void **state) {
    (void)state;
    for (size_t i = 0; i < hth_cells.count; i++) {
        const hth_cell *cell = hth_cell_at(i);
        assert_true(cell->drives >= 1 && cell->drives <= HTH_MAX_DRIVES);
        assert_true(cell->states >= 1 && cell->states <= HTH_MAX_STATES);
        assert_true(cell->states + cell->counters <= HTH_MAX_CARRIED);
        assert_true(cell->fields <= HTH_MAX_FIELDS && cell->constants <= HTH_MAX_CONSTANTS);
        assert_non_null(cell->part.name);
        assert_non_null(cell->part.summary);
        assert_non_null(cell->part.source);
        assert_non_null(cell->step);
        for (size_t g = 0; g < cell->drives; g++) assert_non_null(cell->drive_names[g]);
        for (size_t k = 0; k < cell->states; k++) assert_non_null(cell->state_names[k]);
        if (cell->observable == HTH_Z_IS_STATE) assert_int_equal(cell->Z[0].where, HTH_AT_ONE);
    }
}

static void test_bad_settings_are_named(void **state) {
    (void)state;
    static const struct {
        const char *settings, *expected;
    } bad[] = {
        {"network.units=0", "network.units"},
        {"network.units=8,x", "network.units: '8,x'"},
        {"cell.name=lsmt", "lstm"},
        {"cell.name=alif network.units=4 cell.beta=0.1,0.2", "cell.beta"},
        {"cell.alpha=2", "cell.alpha"},
        {"network.embedding=5", "network.embedding is 5, but the input is numbers"},
        {"loss.name=mes", "mse"},
        {"readout.kappa=1.5", "readout.kappa"},
    };
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        char text[128];
        hth_setting items[LAW_SETTINGS];
        hth_error error;
        hth_network *network = NULL;
        const hth_shape shape = {.inputs = 2, .outputs = 1, .target = HTH_TARGET_VALUES};
        snprintf(text, sizeof text, "%s", bad[i].settings);
        hth_settings settings = law_split(text, items);
        assert_int_equal(hth_network_create(&settings, &shape, 1, NULL, &network, &error),
                         HTH_INVALID);
        assert_null(network);
        if (!strstr(error.message, bad[i].expected))
            fail_msg("'%s' lacks '%s'", error.message, bad[i].expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_follow_their_equations),
        cmocka_unit_test(test_refractory_period),
        cmocka_unit_test(test_cubalif_without_a_current_is_lif),
        cmocka_unit_test(test_every_cell_has_the_silhouette),
        cmocka_unit_test(test_bad_settings_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
