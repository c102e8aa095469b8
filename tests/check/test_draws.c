/*
 * The comparisons of learners that draw: an unbiased one passes, by its mean over draws and over all signs; one whose
 * gradient is wrong by a tenth fails, however it is declared; what is not finite fails; a block whose exact
 * gradient is 0 is judged by the size of the draws; and what a learner has learned in one draw is not in the next.
 */
#include "check/draws.h"
#include "runs.h"

#include "credit/learner.h"

#include <math.h>

typedef struct rig {
    hth_config *config;
    hth_source source;
    hth_sample sample;
    hth_subject subject;
    hth_real *exact;
    size_t count;
} rig;

static const hth_setting bptt_items[] = {
    {"learner.name", "bptt", NULL},
};
static const hth_settings bptt = {bptt_items, 1}, none = {NULL, 0};

static rig make(const char *line, size_t steps, size_t batch) {
    rig r = {.config = configure(line)};
    hth_report report;
    const hth_settings settings = hth_config_settings(r.config);
    assert_int_equal(hth_source_open(&settings, HTH_TRAIN, batch, 1, &r.source, NULL), HTH_OK);
    assert_int_equal(hth_sample_take(&r.source, steps, batch, &r.sample, NULL), HTH_OK);
    r.subject = (hth_subject){.settings = settings, .seed = 1};
    assert_int_equal(hth_compute_create(1, NULL, &r.subject.compute, NULL), HTH_OK);
    assert_int_equal(
        hth_network_create(&settings, &r.source.shape, 1, NULL, &r.subject.network, NULL), HTH_OK);
    r.count = hth_network_parameter_count(r.subject.network);
    r.exact = calloc(r.count, sizeof *r.exact);
    r.subject.sample = &r.sample;
    assert_int_equal(hth_subject_gradient(&r.subject, &bptt, steps, r.exact, &report, NULL),
                     HTH_OK);
    return r;
}

static hth_rehearsal open_rehearsal(rig *r, size_t steps) {
    hth_rehearsal rehearsal;
    hth_error error;
    r->subject.sample = &r->sample; /* it lies elsewhere than when it was made */
    if (hth_rehearsal_open(&r->subject, &none, steps, &rehearsal, &error) != HTH_OK)
        fail_msg("%s", error.message);
    return rehearsal;
}

static void discard(rig *r) {
    free(r->exact);
    hth_network_destroy(r->subject.network);
    hth_compute_destroy(r->subject.compute);
    hth_sample_free(&r->sample);
    hth_source_close(&r->source);
    hth_config_destroy(r->config);
}

/* The rows of the block layer0.weight, and how many rows there are in all. */
typedef struct seen {
    size_t rows, of_layer, failed, failed_of_layer;
    hth_check_row last; /* of layer0.weight */
} seen;

static void see(void *context, const hth_check_row *row) {
    seen *s = context;
    const bool of_layer = strcmp(row->block, "layer0.weight") == 0;
    s->rows++;
    s->failed += !row->passed;
    s->of_layer += of_layer;
    s->failed_of_layer += of_layer && !row->passed;
    if (of_layer) s->last = *row;
}

static const hth_observer nobody;

static seen draws_of(rig *r, size_t steps, size_t draws, bool unbiased) {
    seen s = {0};
    hth_check_run run = {.observer = &nobody, .row = see, .context = &s};
    hth_rehearsal rehearsal = open_rehearsal(r, steps);
    assert_int_equal(hth_check_draws(&run, &rehearsal, "mine", draws, r->exact, unbiased, NULL),
                     HTH_OK);
    hth_rehearsal_close(&rehearsal);
    assert_int_equal(run.failed, s.failed);
    return s;
}

static seen signs_of(rig *r) {
    seen s = {0};
    bool done = false;
    hth_check_run run = {.observer = &nobody, .row = see, .context = &s};
    hth_rehearsal rehearsal = open_rehearsal(r, 1);
    assert_int_equal(hth_check_signs(&run, &rehearsal, "mine", r->exact, &done, NULL), HTH_OK);
    hth_rehearsal_close(&rehearsal);
    assert_true(done);
    return s;
}

#define TINY "task=add loss=softmax loss.time=sum cell=rate network.units=2 "

static void scale(rig *r, double factor) {
    const hth_layer *layer = &r->subject.network->layers[0];
    for (size_t i = 0; i < layer->rows * layer->m; i++)
        r->exact[layer->weight + i] *= (hth_real)factor;
}

static void unbiased_ones_pass_and_biased_ones_do_not(void **state) {
    static const char *const lines[] = {TINY "learner=uoro", TINY "learner=kf-rtrl"};
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        rig r = make(lines[i], 3, 1);
        seen s = signs_of(&r);
        assert_int_equal(s.failed, 0);
        assert_int_equal(s.of_layer, 1);
        assert_true(s.last.deviation > 0.01); /* it does draw */
        assert_true(s.last.cosine > 0.999);
        s = draws_of(&r, 1, 4096, true);
        assert_int_equal(s.failed, 0);
        assert_int_equal(s.of_layer, 2);
        scale(&r, 1.1);
        assert_int_equal(signs_of(&r).failed_of_layer, 1);
        s = draws_of(&r, 1, 4096, true);
        assert_true(s.failed_of_layer > 0);
        assert_int_equal(s.failed, s.failed_of_layer);
        assert_int_equal(draws_of(&r, 1, 4096, false).failed, 0); /* it claims nothing */
        discard(&r);
    }
}

static void what_is_not_finite_fails(void **state) {
    (void)state;
    rig r = make(TINY "learner=uoro", 3, 1);
    r.exact[r.subject.network->layers[0].weight] = (hth_real)NAN;
    for (int unbiased = 0; unbiased < 2; unbiased++) {
        seen s = draws_of(&r, 1, 32, unbiased);
        assert_int_equal(s.of_layer, 2);
        assert_int_equal(s.failed_of_layer, 2);
        assert_true(isinf(s.last.relative_error));
    }
    assert_int_equal(signs_of(&r).failed_of_layer, 1);
    discard(&r);
}

/* Two items with the same input and opposite errors: the exact gradient is 0, but for rounding. */
static void oppose(rig *r) {
    hth_tape *tape;
    hth_report report = {0};
    r->subject.sample = &r->sample;
    hth_sample *s = &r->sample;
    const size_t in = s->shape.inputs, out = s->shape.outputs;
    for (size_t t = 0; t < s->steps; t++)
        memcpy(s->x + (2 * t + 1) * in, s->x + 2 * t * in, in * sizeof *s->x);
    const hth_chunk chunk = hth_sample_chunk(s, 0, s->steps);
    assert_int_equal(
        hth_tape_create(r->subject.network, s->steps, 2, r->subject.compute, NULL, &tape, NULL),
        HTH_OK);
    /* With targets of 0 the loss leaves y itself, which is the error of the mse loss. */
    memset(s->targets, 0, s->steps * 2 * out * sizeof *s->targets);
    assert_int_equal(hth_forward(tape, &chunk, &report, NULL), HTH_OK);
    for (size_t k = 0; k < out; k++)
        for (size_t t = 0; t < s->steps; t++)
            for (size_t b = 0; b < 2; b++)
                s->targets[(2 * t + b) * out + k] =
                    tape->readout.y[k * s->steps * 2 + 2 * t + b] + (hth_real)(b ? 0.3 : -0.3);
    hth_tape_destroy(tape);
}

static void a_block_of_zeros_is_judged_by_the_draws(void **state) {
    (void)state;
    rig r = make(
        "task=mimic task.outputs=1 loss=mse loss.time=sum cell=rate network.units=2 learner=uoro",
        2, 2);
    assert_true(r.count > 0);
    const seen before = signs_of(&r);
    assert_int_equal(before.failed, 0);
    oppose(&r);
    memset(r.exact, 0, r.count * sizeof *r.exact);
    seen s = signs_of(&r);
    assert_int_equal(s.failed, 0);
    assert_true(s.last.relative_error > 0); /* rounding, of draws that are not 0 */
    assert_true(s.last.deviation > 0.5);
    assert_int_equal(draws_of(&r, 1, 512, true).failed_of_layer, 0);
    discard(&r);
    /* But a gradient that is not 0 where the exact one is fails. */
    r = make(TINY "learner=uoro", 3, 1);
    scale(&r, 0);
    assert_int_equal(signs_of(&r).failed_of_layer, 1);
    s = draws_of(&r, 1, 512, true);
    assert_int_equal(s.failed_of_layer, s.of_layer);
    discard(&r);
}

/* dni learns but does not draw: all its draws are the same when each is of a new learner. */
static void draws_are_of_new_learners(void **state) {
    (void)state;
    rig r =
        make("task=add loss=softmax loss.time=sum cell=rate network.units=4 learner=dni", 12, 1);
    seen s = draws_of(&r, 1, 32, false);
    assert_int_equal(s.of_layer, 2);
    assert_true(s.last.deviation == 0);
    assert_true(draws_of(&r, 1, 32, true).last.deviation > 1e-6); /* goes on: it does learn */
    discard(&r);
}

static void a_new_learner_draws_on(void **state) {
    (void)state;
    rig r = make(TINY "learner=uoro", 3, 1);
    hth_rehearsal rehearsal = open_rehearsal(&r, 1);
    hth_report report = {0};
    assert_int_equal(hth_rehearsal_run(&rehearsal, &report, NULL), HTH_OK);
    const uint64_t drawn = rehearsal.learner->noise.drawn;
    assert_true(drawn > 0);
    assert_int_equal(hth_rehearsal_renew(&rehearsal, NULL), HTH_OK);
    assert_int_equal(rehearsal.learner->noise.drawn, drawn);
    hth_rehearsal_close(&rehearsal);
    discard(&r);
}

/* The lengths of a sample's items reach the layer that runs from their ends. */
static void a_check_knows_lengths(void **state) {
    (void)state;
    enum { STEPS = 6, BATCH = 2 };
    rig r = make("task=mimic cell=rate network.units=3 network.direction=both loss.time=sum", STEPS,
                 BATCH);
    hth_tape *tape;
    hth_report reports[2];
    double loss;
    memset(reports, 0, sizeof reports);
    r.subject.sample = &r.sample;
    assert_null(r.sample.lengths);
    r.sample.lengths = calloc(BATCH, sizeof *r.sample.lengths);
    r.sample.lengths[0] = STEPS;
    r.sample.lengths[1] = STEPS - 2;
    assert_int_equal(
        hth_tape_create(r.subject.network, STEPS, BATCH, r.subject.compute, NULL, &tape, NULL),
        HTH_OK);
    for (int tells = 0; tells < 2; tells++) {
        hth_chunk chunk = hth_sample_chunk(&r.sample, 0, STEPS);
        chunk.ends = true;
        if (tells) chunk.lengths = r.sample.lengths;
        hth_tape_reset(tape);
        assert_int_equal(hth_forward(tape, &chunk, &reports[tells], NULL), HTH_OK);
    }
    assert_int_equal(hth_subject_loss(&r.subject, tape, &loss, NULL), HTH_OK);
    if (r.subject.network->readout.mean_over_batch) loss *= BATCH;
    assert_true(loss == reports[1].loss);
    assert_true(fabs(loss - reports[0].loss) > 1e-6 * fabs(loss));
    hth_tape_destroy(tape);
    discard(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unbiased_ones_pass_and_biased_ones_do_not),
        cmocka_unit_test(what_is_not_finite_fails),
        cmocka_unit_test(a_block_of_zeros_is_judged_by_the_draws),
        cmocka_unit_test(draws_are_of_new_learners),
        cmocka_unit_test(a_new_learner_draws_on),
        cmocka_unit_test(a_check_knows_lengths),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
