/*
 * The error of a prediction as a part of the network's loss (learner.sg_loss): what it adds to the gradient is the
 * derivative of sg_loss E_SG, E_SG = 1/2 |c(x) - c*|^2 of each item at the end of each tape, c* and A being constants,
 *
 *   - by central differences where what units read is a constant, which is what traces leave out;
 *   - by central differences of the loss and E_SG together where nothing crosses from unit to unit (W_rec = 0), so
 *     that the traces are exact.
 */
#include "parts.h"

#include "credit/future/predictor.h"

enum { K = 3, TAPES = 4, STEPS = K * TAPES };
static const double share_of_it = 0.7; /* sg_loss */

typedef struct sg_case {
    law_case what;
    const char *settings; /* of the learner, beside sg_loss */
} sg_case;

#define SG "learner.name=eprop3 learner.sg_init=normal learner.sg_lr=0 "

static const sg_case cases[] = {
    {{"cell.name=lstm network.units=4 loss.name=softmax", 3, 0, 3, STEPS, 2, true, true},
     SG "learner.sg_hidden=5"},
    {{"cell.name=lstm network.units=4,3 loss.name=softmax", 3, 0, 3, STEPS, 2, true, false},
     SG "learner.sg_hidden=5 learner.sg_reads=z"},
    {{"cell.name=lstm cell.output=linear network.units=4 loss.name=softmax loss.batch=mean", 3, 0,
      3, STEPS, 3, true, false},
     SG "learner.sg_hidden=0 learner.sg_scale=1"},
    {{"cell.name=lstm network.units=4,3 network.embedding=3 loss.name=softmax", 0, 6, 3, STEPS, 2,
      true, false},
     SG "learner.sg_hidden=5 learner.sg_scans=1"},
    {{"cell.name=gru network.units=4", 3, 0, 3, STEPS, 2, false, false},
     SG "learner.sg_hidden=0 learner.sg_scans=1 learner.sg_scale=0.5"},
    {{"cell.name=rate cell.alpha=0.4 network.units=5,4", 3, 0, 3, STEPS, 1, false, false},
     SG "learner.sg_hidden=6 learner.sg_present=true"},
    {{"cell.name=rate-pre cell.alpha=0.7 network.units=5", 3, 0, 3, STEPS, 2, false, false},
     SG "learner.sg_hidden=0"},
    {{"cell.name=cubalif cell.spike=smooth cell.pseudo_derivative=gaussian cell.width=5 "
      "cell.refractory=0 readout.kappa=0 network.units=4,3",
      3, 0, 2, STEPS, 2, false, false},
     SG "learner.sg_hidden=5"},
};

/* ---- E_SG, plainly ---- */

typedef struct sg_rig {
    law_rig *rig;
    size_t N, in, hidden;
    bool reads_z;   /* alone */
    hth_real *A;    /* sg.weights */
    hth_real *goal; /* c* of the end of tape i, [TAPES - 1][batch][N] */
    double share;   /* of an item in the loss */
} sg_rig;

/* c(x) of one item. */
static void predict(const sg_rig *sg, const hth_real *x, double *c) {
    const size_t H = sg->hidden, from = hth_predictor_stride(H), to = hth_predictor_stride(sg->N);
    const hth_real *A = sg->A + (H ? sg->in * from : 0);
    double h[32] = {0};
    for (size_t i = 0; i < sg->in; i++)
        for (size_t k = 0; k < H; k++) h[k] += (double)(sg->A[i * from + k] * x[i]);
    for (size_t k = 0; k < H; k++) h[k] = fmax(0, h[k]);
    for (size_t i = 0; i < sg->in && H == 0; i++) h[i] = (double)x[i];
    if (H > 0) h[H] = 1;
    for (size_t j = 0; j < sg->N; j++) {
        c[j] = 0;
        for (size_t k = 0; k < (H ? H + 1 : sg->in); k++) c[j] += h[k] * (double)A[k * to + j];
    }
}

/* sg_loss E_SG of the end of tape i, from the states that stand in slot `slot` of a tape. */
static double own_error(const sg_rig *sg, const hth_tape *tape, size_t slot, size_t i) {
    double sum = 0, c[32];
    for (size_t b = 0; b < tape->batch; b++) {
        hth_real x[32] = {0};
        hth_joint_values(tape, slot, b, x);
        for (size_t l = 0, at = 0; sg->reads_z && l < tape->network->layer_count; l++) {
            for (size_t j = 0; j < tape->network->layers[l].n; j++)
                x[at + j] = 0; /* c of an LSTM */
            at += 2 * tape->network->layers[l].n;
        }
        x[sg->in - 1] = 1;
        predict(sg, x, c);
        const hth_real *goal = sg->goal + (i * tape->batch + b) * sg->N;
        for (size_t j = 0; j < sg->N; j++) sum += 0.5 * pow(c[j] - (double)goal[j], 2);
    }
    return share_of_it * sg->share * sum;
}

/* A, and all c*, from a run in which the error is no part of the loss; its gradient. */
static hth_real *open_sg(law_rig *rig, const char *settings, sg_rig *sg) {
    const size_t batch = rig->what.batch, n = rig->network->readout.n;
    handles h = make_handles(rig, settings, K);
    const hth_real *q = hth_adjoint_errors(&h.learner->adjoint, rig->network);
    const bool present = strstr(settings, "sg_present=true");
    const hth_field A = field_of(&h, "sg.weights");
    const char *hidden = strstr(settings, "sg_hidden=");
    *sg = (sg_rig){.rig = rig, .N = hth_joint_states(rig->network)};
    sg->in = sg->N + 1;
    sg->reads_z = strstr(settings, "sg_reads=z");
    sg->hidden = strtoul(hidden + strlen("sg_hidden="), NULL, 10);
    sg->A = memcpy(malloc(bytes_of(&A)), A.data, bytes_of(&A));
    sg->goal = calloc((TAPES - 1) * batch * sg->N, sizeof *sg->goal);
    sg->share = rig->network->readout.mean_over_batch ? 1 / (double)batch : 1;
    for (size_t i = 0; i < TAPES; i++) {
        hth_real *goal = sg->goal + (i - 1) * batch * sg->N; /* of the tape before */
        const size_t z = hth_joint_place_of_z(rig->network, rig->network->layer_count - 1);
        for (size_t b = 0; b < batch && i > 0 && present; b++)
            for (size_t j = 0; j < n; j++)
                goal[b * sg->N + z + j] += q[((K - 1) * batch + b) * n + j];
        learn_steps(rig, &h, i * K, K);
        for (size_t b = 0; b < batch && i > 0; b++) {
            hth_real now[32] = {0};
            hth_joint_start(h.learner, b, now);
            for (size_t j = 0; j < sg->N; j++) goal[b * sg->N + j] += now[j];
            for (size_t j = 0; j < sg->N; j++) goal[b * sg->N + j] /= (hth_real)sg->share;
        }
    }
    hth_real *copy = malloc(rig->count * sizeof *copy);
    memcpy(copy, hth_gradient_values(h.gradient), rig->count * sizeof *copy);
    drop_handles(&h);
    return copy;
}

static void close_sg(sg_rig *sg) {
    free(sg->A);
    free(sg->goal);
}

/* By central differences of fourth order; theta[i] is changed and put back. */
typedef double (*loss_of)(void *context);
static double difference(hth_real *theta, loss_of loss, void *context) {
    static const double h = 2e-4, at[4] = {-2, -1, 1, 2};
    const hth_real keep = *theta;
    double f[4];
    for (int k = 0; k < 4; k++) {
        *theta = keep + (hth_real)(h * at[k]);
        f[k] = loss(context);
    }
    *theta = keep;
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h);
}

static hth_real *with_own_error(law_rig *rig, const char *settings) {
    char text[256];
    snprintf(text, sizeof text, "%s learner.sg_loss=%g", settings, share_of_it);
    return law_gradient(rig, text, K);
}

/* ---- Where what units read is a constant ---- */

/* One layer runs by itself over all steps; what it reads stands on a tape that had them all. */
typedef struct replay {
    sg_rig *sg;
    hth_tape *tape;
    size_t layer;
    hth_real *u; /* of the layer, all slots, as it was */
} replay;

static double replayed_error(void *context) {
    replay *r = context;
    hth_tape_layer *on = &r->tape->layers[r->layer];
    const hth_layer *layer = &r->tape->network->layers[r->layer];
    const size_t slot = r->tape->batch * layer->stride;
    double sum = 0;
    for (size_t t = 0; t + K < STEPS; t++) {
        hth_layer_step(layer, NULL, on, t, r->tape->batch, 0, r->tape->batch);
        if ((t + 1) % K == 0) sum += own_error(r->sg, r->tape, t + 1, t / K);
        memcpy(on->u + (t + 1) * slot, r->u + (t + 1) * slot, slot * sizeof *on->u);
    }
    return sum;
}

/* The derivative of all sg_loss E_SG to the weights of the units. */
static hth_real *cut_differences(sg_rig *sg) {
    law_rig *rig = sg->rig;
    hth_real *theta = rig->network->theta, *out = calloc(rig->count, sizeof *out);
    handles h = make_handles(rig, "learner.name=tbptt", STEPS);
    for (size_t l = 0; l < rig->network->layer_count; l++) {
        const hth_layer *layer = &rig->network->layers[l];
        const size_t size = (STEPS + 1) * rig->what.batch * layer->stride * sizeof(hth_real);
        start_sequence(&h);
        learn_steps(rig, &h, 0, STEPS);
        replay r = {sg, h.tape, l, memcpy(malloc(size), h.tape->layers[l].u, size)};
        for (size_t i = layer->weight; i < layer->weight + layer->rows * layer->m; i++)
            out[i] = (hth_real)difference(theta + i, replayed_error, &r);
        hth_layer_mask(layer, out + layer->weight);
        free(r.u);
    }
    drop_handles(&h);
    return out;
}

static void assert_adds(law_rig *rig, const sg_case *what) {
    sg_rig sg;
    hth_real *without = open_sg(rig, what->settings, &sg);
    hth_real *with = with_own_error(rig, what->settings), *numeric = cut_differences(&sg);
    law_assert_differs(rig, "E_SG", with, without, 1e-3);
    for (size_t i = 0; i < rig->count; i++) with[i] -= without[i];
    /* The weights of the units get it, and nothing else does. */
    for (size_t l = 0; l < rig->network->layer_count; l++) {
        const hth_layer *layer = &rig->network->layers[l];
        const hth_block block = {.offset = layer->weight, .rows = layer->rows, .columns = layer->m};
        assert_true(law_largest(&block, numeric) > 1e-3);
        const double apart = law_difference(&block, with, numeric);
        if (!(apart < 1e-7)) fail_msg("%s: layer %zu: %g", what->what.settings, l, apart);
        for (size_t i = 0; i < layer->rows * layer->m; i++) with[layer->weight + i] = 0;
    }
    for (size_t i = 0; i < rig->count; i++) assert_true(with[i] == 0);
    /* Another target is another error. */
    for (size_t i = 0; i < (TAPES - 1) * rig->what.batch * sg.N; i++) sg.goal[i] = 0;
    hth_real *wrong = cut_differences(&sg);
    law_assert_differs(rig, "without a target", wrong, numeric, 1e-3);
    free(without);
    free(with);
    free(numeric);
    free(wrong);
    close_sg(&sg);
}

static void test_it_adds_the_derivative_of_its_error(void **state) {
    (void)state;
    if (sizeof(hth_real) < sizeof(double)) return; /* differences need it */
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c].what);
        assert_adds(&rig, &cases[c]);
        law_teardown(&rig);
    }
}

/* ---- Where nothing crosses from unit to unit ---- */

/* The loss of all steps and all sg_loss E_SG, from one tape. */
static double whole_loss(void *context) {
    sg_rig *sg = context;
    law_rig *rig = sg->rig;
    hth_tape *tape;
    hth_error error;
    rig->report = (hth_report){0};
    must(hth_tape_create(rig->network, STEPS, rig->what.batch, rig->compute, NULL, &tape, &error),
         &error);
    must(hth_forward(tape, &rig->chunk, &rig->report, &error), &error);
    double sum = rig->report.loss * sg->share;
    for (size_t i = 0; i + 1 < TAPES; i++) sum += own_error(sg, tape, (i + 1) * K, i);
    hth_tape_destroy(tape);
    return sum;
}

static void cut_recurrence(law_rig *rig) {
    const hth_layer *layer = &rig->network->layers[0];
    for (size_t i = 0; i < layer->rows; i++)
        memset(rig->network->theta + layer->weight + i * layer->m, 0, layer->n * sizeof(hth_real));
}

static void test_it_is_exact_where_nothing_crosses(void **state) {
    (void)state;
    static const char settings[] = SG "learner.sg_hidden=5 learner.sg_scale=0";
    static const law_case alone[] = {
        {"cell.name=lstm network.units=3 loss.name=softmax network.initial=learned", 2, 0, 2, STEPS,
         2, true, true},
        {"cell.name=rate cell.alpha=0.4 network.units=3", 2, 0, 2, STEPS, 2, false, false},
    };
    if (sizeof(hth_real) < sizeof(double)) return;
    for (size_t c = 0; c < HTH_COUNT(alone); c++)
        for (int crosses = 0; crosses < 2; crosses++) {
            law_rig rig;
            sg_rig sg;
            law_setup(&rig, &alone[c]);
            if (!crosses) cut_recurrence(&rig);
            hth_real *without = open_sg(&rig, settings, &sg);
            hth_real *with = with_own_error(&rig, settings);
            hth_real *numeric = calloc(rig.count, sizeof *numeric);
            for (size_t i = 0; i < rig.count; i++)
                numeric[i] = (hth_real)difference(rig.network->theta + i, whole_loss, &sg);
            hth_layer_mask(&rig.network->layers[0], numeric + rig.network->layers[0].weight);
            law_assert_differs(&rig, "without E_SG", without, numeric, 1e-2);
            if (crosses)
                law_assert_differs(&rig, "credit that crosses", with, numeric, 1e-3);
            else
                for (size_t i = 0; i < rig.network->block_count; i++) {
                    const hth_block *block = &rig.network->blocks[i];
                    assert_true(law_difference(block, with, numeric) < 1e-7);
                }
            free(without);
            free(with);
            free(numeric);
            close_sg(&sg);
            law_teardown(&rig);
        }
}

/* ---- Ends and refusals ---- */

/* Nothing is asked for across the end of a sequence. */
static void test_nothing_crosses_an_end(void **state) {
    (void)state;
    hth_real *sum[2];
    law_rig rig;
    law_setup(&rig, &cases[0].what);
    for (int own = 0; own < 2; own++) {
        handles h = make_handles(&rig, own ? SG "learner.sg_loss=1" : SG, K);
        sum[own] = malloc(rig.count * sizeof *sum[own]);
        for (size_t i = 0; i < TAPES; i++) {
            hth_chunk chunk = law_cut(&rig, i * K, K);
            chunk.ends = true;
            learn_chunk(&rig, &h, &chunk);
            start_sequence(&h);
        }
        memcpy(sum[own], hth_gradient_values(h.gradient), rig.count * sizeof *sum[own]);
        drop_handles(&h);
    }
    law_assert_equal(&rig, "sequences of one tape", sum[1], sum[0], 0);
    free(sum[0]);
    free(sum[1]);
    law_teardown(&rig);
}

/* What is carried for it is what the formula says. */
static void test_its_numbers_are_stated(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_case what = cases[c].what;
        law_rig rig;
        double stated[2] = {0, 0}, kept[2];
        what.batch = 1;
        law_setup(&rig, &what);
        for (int own = 0; own < 2; own++) {
            hth_cost costs[HTH_COSTS];
            handles h = make_handles(&rig, own ? SG "learner.sg_loss=1" : SG, K);
            hth_learner_costs(h.learner, costs);
            for (size_t a = 0; a < HTH_AXES; a++) stated[own] += costs[a].memory;
            kept[own] = law_numbers_kept(h.learner);
            drop_handles(&h);
        }
        const bool separate = rig.network->layers[0].cell->observable == HTH_Z_SEPARATE;
        assert_true(fabs((kept[1] - kept[0]) - (stated[1] - stated[0])) < 1e-6);
        assert_true(separate == (kept[1] > kept[0]));
        law_teardown(&rig);
    }
}

static void test_refusals(void **state) {
    (void)state;
    assert_refuses(&cases[0].what, "learner.name=tbptt-sg learner.sg_loss=1", K, "past = trace");
    assert_refuses(&cases[0].what, "learner.name=eprop3-truncated learner.sg_loss=1", K,
                   "past = trace");
    assert_refuses(&cases[0].what, "learner.name=eprop3 learner.sg_loss=1 learner.inputs=true", K,
                   "learner.inputs = false");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_adds_the_derivative_of_its_error),
        cmocka_unit_test(test_it_is_exact_where_nothing_crosses),
        cmocka_unit_test(test_nothing_crosses_an_end),
        cmocka_unit_test(test_its_numbers_are_stated),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
