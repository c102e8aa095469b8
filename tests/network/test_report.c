/* What a loss reports against its definition, and that the options which change the report leave the
 * gradient as it is, bit for bit: loss.report of mse, loss.clip of softmax. */
#include "laws.h"

#include "network/tape.h"

static hth_real *outputs_of(law_rig *rig) {
    const size_t items = rig->what.steps * rig->what.batch;
    hth_real *y = malloc(items * rig->what.outputs * sizeof *y);
    hth_error error;
    hth_tape *tape;
    must(hth_tape_create(rig->network, rig->what.steps, rig->what.batch, rig->compute, NULL, &tape,
                         &error),
         &error);
    rig->report = (hth_report){0};
    must(hth_forward(tape, &rig->chunk, &rig->report, &error), &error);
    hth_tape_read(tape, 0, hth_tape_length(tape), y, NULL);
    /* A caller that wants no report: the same outputs. */
    hth_real *again = malloc(items * rig->what.outputs * sizeof *again);
    hth_tape_reset(tape);
    must(hth_forward(tape, &rig->chunk, NULL, &error), &error);
    hth_tape_read(tape, 0, hth_tape_length(tape), again, NULL);
    assert_memory_equal(again, y, items * rig->what.outputs * sizeof *y);
    free(again);
    hth_tape_destroy(tape);
    return y;
}

/* - sum of weight t log max(softmax(y), clip). */
static double plain_cross_entropy(const law_rig *rig, const hth_real *y, double clip) {
    const size_t outputs = rig->what.outputs;
    double loss = 0;
    for (size_t i = 0; i < rig->what.steps * rig->what.batch; i++) {
        double sum = 0;
        for (size_t k = 0; k < outputs; k++) sum += exp((double)y[i * outputs + k]);
        for (size_t k = 0; k < outputs; k++) {
            const double t = (double)hth_item_target(&rig->chunk, outputs, i, k);
            loss -= (double)hth_item_weight(&rig->chunk, i) * t *
                    log(fmax(exp((double)y[i * outputs + k]) / sum, clip));
        }
    }
    return loss;
}

typedef struct seen {
    double reported, plain_loss; /* plain_loss: without any option */
    hth_real *gradient;
} seen;

static seen look(const law_case *what, double clip) {
    seen s;
    law_rig rig;
    law_setup(&rig, what);
    hth_real *y = outputs_of(&rig);
    s.reported = rig.report.loss;
    s.plain_loss = strstr(what->settings, "softmax") ? plain_cross_entropy(&rig, y, clip) : 0;
    s.gradient = law_gradient(&rig, "learner.name=bptt", what->steps);
    free(y);
    law_teardown(&rig);
    return s;
}

/* Number of parameters in which two gradients differ; both must be of the same network. */
static size_t differences(const law_case *what, const seen *a, const seen *b) {
    law_rig rig;
    law_setup(&rig, what);
    size_t count = 0, alive = 0;
    for (size_t i = 0; i < rig.count; i++) {
        count += a->gradient[i] != b->gradient[i];
        alive += a->gradient[i] != 0;
    }
    assert_true(alive > rig.count / 2);
    law_teardown(&rig);
    return count;
}

static void assert_near(double value, double expected, double relative) {
    if (!(fabs(value - expected) <= relative * fabs(expected)))
        fail_msg("%.9g is not near %.9g", value, expected);
}

static void test_mean_squared_error(void **state) {
    (void)state;
    law_case what = {"network.units=7 loss.name=mse", .inputs = 2, .outputs = 5, .steps = 6,
                     .batch = 2};
    const seen sum = look(&what, 0);
    what.settings = "network.units=7 loss.name=mse loss.report=mean";
    const seen mean = look(&what, 0);
    what.settings = "network.units=7 loss.name=mse loss.batch=sum";
    const seen other = look(&what, 0);
    assert_true(sum.reported > 0.1);
    assert_near(mean.reported, sum.reported / 5, 1e-12);
    assert_int_equal(differences(&what, &sum, &mean), 0);
    assert_true(differences(&what, &sum, &other) > 0); /* an option that does change it */
    free(sum.gradient);
    free(mean.gradient);
    free(other.gradient);
}

/* The clip is large, so that it bites; 300 outputs are two tiles. */
static void clipped_cross_entropy(const law_case *base, const char *settings, double clip) {
    law_case plain = *base, clips = *base, none = *base;
    char text[200], small[200];
    snprintf(text, sizeof text, "%s loss.clip=%g", settings, clip);
    snprintf(small, sizeof small, "%s loss.clip=1e-30", settings);
    plain.settings = settings;
    clips.settings = text;
    none.settings = small;
    const seen a = look(&plain, 0), b = look(&clips, clip), c = look(&none, 0);
    const double tight = tolerance(1e-12, 1e-5);
    assert_near(a.reported, a.plain_loss, tight);
    assert_near(b.reported, b.plain_loss, tight);
    assert_near(c.reported, a.reported, tight);
    assert_true(b.reported < 0.99 * a.reported);
    assert_int_equal(differences(&plain, &a, &b), 0);
    free(a.gradient);
    free(b.gradient);
    free(c.gradient);
}

static void test_clipped_probabilities(void **state) {
    (void)state;
    const law_case few = {.inputs = 2, .outputs = 4, .steps = 9, .batch = 2};
    const law_case masked = {.inputs = 2, .outputs = 4, .steps = 9, .batch = 2, .masked = true};
    const law_case classes = {.inputs = 2, .outputs = 4, .steps = 9, .batch = 2, .classes = true};
    const law_case many = {.inputs = 2, .outputs = 300, .steps = 5, .batch = 2};
    const law_case many_classes = {
        .inputs = 2, .outputs = 300, .steps = 5, .batch = 2, .classes = true};
    const char *settings = "network.units=7 loss.name=softmax";
    clipped_cross_entropy(&few, settings, 0.25);
    clipped_cross_entropy(&masked, settings, 0.25);
    clipped_cross_entropy(&classes, settings, 0.25);
    clipped_cross_entropy(&many, settings, 0.004);
    clipped_cross_entropy(&many_classes, settings, 0.004);
}

/* By default nothing is clipped and nothing is divided. */
static void test_defaults(void **state) {
    (void)state;
    law_case what = {"network.units=7 loss.name=softmax", .inputs = 2, .outputs = 4, .steps = 9,
                     .batch = 1};
    const seen a = look(&what, 0);
    what.settings = "network.units=7 loss.name=softmax loss.clip=0 loss.report=sum";
    const seen b = look(&what, 0);
    assert_true(a.reported == b.reported);
    free(a.gradient);
    free(b.gradient);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean_squared_error),
        cmocka_unit_test(test_clipped_probabilities),
        cmocka_unit_test(test_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
