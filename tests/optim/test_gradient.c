/*
 * Two gradients: their sum, and one turned so that it does not point against the other (A-GEM, Chaudhry et al. 2019,
 * eq. 11), with and without rows of an embedding that a gradient leaves alone.
 */
#include "laws.h"

#include "optim/gradient.h"
#include "optim/inspect.h"

static const law_case cases[] = {
    {"cell.name=rate network.units=5", 3, 0, 2, 4, 2, false, false},
    {"cell.name=gru network.units=4 network.embedding=3", 0, 30, 2, 4, 2, false, false},
};

typedef struct pair {
    law_rig rig;
    hth_gradient *g, *r;
    hth_real *before; /* of g */
} pair;

/* Gradients of the same network, of its data and of other data, times `factor`. */
static void open_pair(pair *p, const law_case *what, double factor) {
    hth_error error;
    hth_tape *tape;
    hth_learner *learner;
    law_setup(&p->rig, what);
    char text[] = "learner.name=bptt";
    hth_setting items[LAW_SETTINGS];
    const hth_settings settings = law_split(text, items);
    must(hth_learner_create(&settings, p->rig.network, what->steps, what->batch, 1, p->rig.compute,
                            NULL, &learner, &error),
         &error);
    must(hth_learner_tape(learner, p->rig.compute, NULL, &tape, &error), &error);
    hth_gradient **const both[] = {&p->g, &p->r};
    for (size_t k = 0; k < 2; k++) {
        must(hth_gradient_create(p->rig.network, NULL, both[k], &error), &error);
        hth_tape_reset(tape);
        must(hth_forward(tape, &p->rig.chunk, &p->rig.report, &error), &error);
        must(hth_learn(learner, tape, *both[k], &error), &error);
        hth_real *y = (hth_real *)(uintptr_t)p->rig.chunk.targets;
        for (size_t i = 0; i < what->steps * what->batch * what->outputs; i++) y[i] = 1 - y[i];
        int32_t *tokens = (int32_t *)(uintptr_t)p->rig.chunk.tokens;
        for (size_t i = 0; tokens && i < what->steps; i++) tokens[i] = (tokens[i] + 7) % 30;
    }
    if (factor != 1) hth_gradient_fade(p->r, factor);
    p->before = malloc(p->rig.count * sizeof *p->before);
    memcpy(p->before, hth_gradient_values(p->g), p->rig.count * sizeof *p->before);
    hth_tape_destroy(tape);
    hth_learner_destroy(learner);
}

static void close_pair(pair *p) {
    free(p->before);
    hth_gradient_destroy(p->g);
    hth_gradient_destroy(p->r);
    law_teardown(&p->rig);
}

static double product(const hth_real *a, const hth_real *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static void test_a_gradient_is_added(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        pair p;
        double moved = 0;
        open_pair(&p, &cases[c], 1);
        hth_gradient_add(p.g, p.r, 0.3);
        const hth_real *g = hth_gradient_values(p.g), *r = hth_gradient_values(p.r);
        for (size_t i = 0; i < p.rig.count; i++) {
            assert_true(fabs((double)g[i] - ((double)p.before[i] + 0.3 * (double)r[i])) <
                        tolerance(1e-14, 1e-5));
            moved = fmax(moved, fabs((double)g[i] - (double)p.before[i]));
        }
        assert_true(moved > 1e-2);
        /* Clearing knows of the rows that have come. */
        hth_gradient_clear(p.g);
        g = hth_gradient_values(p.g);
        for (size_t i = 0; i < p.rig.count; i++) assert_true(g[i] == 0);
        close_pair(&p);
    }
}

/* r and -r: with one of them g is left as it is, bit for bit; of the other it loses what points against it. */
static void test_a_gradient_is_turned(void **state) {
    (void)state;
    size_t turned = 0, left = 0;
    for (size_t c = 0; c < HTH_COUNT(cases); c++)
        for (int sign = -1; sign <= 1; sign += 2) {
            pair p;
            open_pair(&p, &cases[c], sign);
            const size_t n = p.rig.count;
            const hth_real *r = hth_gradient_values(p.r);
            const double along = product(p.before, r, n), square = product(r, r, n);
            assert_true(fabs(along) > 1e-3);
            assert_true(fabs(hth_gradient_turn(p.g, p.r) - along) < tolerance(1e-12, 1e-4));
            const hth_real *g = hth_gradient_values(p.g);
            const double size = sqrt(product(g, g, n) * square);
            if (along >= 0) {
                left++;
                assert_memory_equal(g, p.before, n * sizeof *g);
            } else {
                turned++;
                assert_true(product(g, r, n) >= -tolerance(1e-12, 1e-5) * size);
                for (size_t i = 0; i < n; i++)
                    assert_true(
                        fabs((double)g[i] - ((double)p.before[i] - along / square * (double)r[i])) <
                        tolerance(1e-13, 1e-5));
            }
            close_pair(&p);
        }
    assert_int_equal(turned, HTH_COUNT(cases));
    assert_int_equal(left, HTH_COUNT(cases));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_gradient_is_added),
        cmocka_unit_test(test_a_gradient_is_turned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
