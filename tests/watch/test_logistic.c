/* Logistic regression: what is known of it by hand, at its optimum, and on data with and without a boundary. */
#include "base/random.h"
#include "watch/logistic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 80, WIDTH = 200 };

typedef struct data {
    size_t count, width;
    double x[MOST][WIDTH], gram[MOST * MOST];
    unsigned char labels[MOST];
} data;

static data d; /* large */

/* Normal numbers; `gap` is added to the first one of a class, taken off that of the other. */
static void draw(size_t count, size_t width, double gap, uint64_t seed) {
    const hth_random random = {seed, HTH_RANDOM_CHECK, 9};
    d.count = count;
    d.width = width;
    for (size_t i = 0; i < count; i++) {
        d.labels[i] = i % 2;
        for (size_t k = 0; k < width; k++) d.x[i][k] = hth_random_normal(&random, i * width + k);
        d.x[i][0] += i % 2 ? gap : -gap;
    }
}

static void fill_gram(size_t training) {
    for (size_t i = 0; i < training; i++)
        for (size_t j = 0; j < training; j++) {
            double sum = 0;
            for (size_t k = 0; k < d.width; k++) sum += d.x[i][k] * d.x[j][k];
            d.gram[i * training + j] = sum;
        }
}

typedef struct fit {
    double w[WIDTH], b, alpha[MOST], norm;
    int iterations;
} fit;

static fit learn(size_t training, double l2) {
    fit f = {0};
    hth_error error;
    fill_gram(training);
    const hth_logistic problem = {training, d.gram, d.labels, l2, 1e-9, 100};
    if (hth_logistic_fit(&problem, f.alpha, &f.b, &f.iterations, &error) != HTH_OK)
        fail_msg("%s", error.message);
    for (size_t i = 0; i < training; i++)
        for (size_t k = 0; k < d.width; k++) f.w[k] += f.alpha[i] * d.x[i][k];
    for (size_t k = 0; k < d.width; k++) f.norm += f.w[k] * f.w[k];
    return f;
}

static double output(const fit *f, size_t i) {
    double sum = f->b;
    for (size_t k = 0; k < d.width; k++) sum += f->w[k] * d.x[i][k];
    return sum;
}

/* Largest entry of the gradient in w and b of the penalised loss. */
static double gradient(const fit *f, size_t training, double l2) {
    double worst = 0, errors[MOST], sum = 0;
    for (size_t i = 0; i < training; i++)
        sum += errors[i] = d.labels[i] - 1 / (1 + exp(-output(f, i)));
    for (size_t k = 0; k < d.width; k++) {
        double g = l2 * f->w[k];
        for (size_t i = 0; i < training; i++) g -= errors[i] * d.x[i][k];
        worst = fmax(worst, fabs(g));
    }
    return fmax(worst, fabs(sum));
}

static double accuracy(const fit *f, size_t from, size_t to) {
    size_t right = 0;
    for (size_t i = from; i < to; i++) right += (output(f, i) > 0) == (d.labels[i] == 1);
    return (double)right / (double)(to - from);
}

/* x = -1 and 1: b = 0, and l2 w = 2/(1 + e^w). */
static void two_samples_by_hand(void **state) {
    (void)state;
    d.count = 2;
    d.width = 1;
    d.x[0][0] = -1;
    d.x[1][0] = 1;
    d.labels[0] = 0;
    d.labels[1] = 1;
    const double penalties[] = {1e-3, 0.5, 1, 100};
    for (size_t i = 0; i < HTH_COUNT(penalties); i++) {
        const fit f = learn(2, penalties[i]);
        double low = 0, high = 100; /* by bisection */
        for (int k = 0; k < 200; k++) {
            const double w = 0.5 * (low + high);
            if (penalties[i] * w < 2 / (1 + exp(w)))
                low = w;
            else
                high = w;
        }
        assert_true(fabs(f.w[0] - low) < 1e-7 * (1 + low));
        assert_true(fabs(f.b) < 1e-9);
    }
}

static void the_gradient_vanishes_at_the_optimum(void **state) {
    (void)state;
    const size_t widths[] = {3, 40, 200}; /* fewer numbers than samples, as many, more */
    for (size_t i = 0; i < HTH_COUNT(widths); i++)
        for (double l2 = 1e-3; l2 < 1e4; l2 *= 100) {
            draw(40, widths[i], 0.5, 3);
            d.labels[1] = 0; /* the classes are not as large */
            fit f = learn(40, l2);
            assert_true(gradient(&f, 40, l2) < 1e-6);
            assert_true(f.iterations < 60);
            f.b += 0.1;
            assert_true(gradient(&f, 40, l2) > 1e-6);
            f.b -= 0.1;
            f.w[0] += 0.1;
            assert_true(gradient(&f, 40, l2) > 1e-6);
        }
}

static void a_larger_penalty_gives_smaller_weights(void **state) {
    (void)state;
    draw(60, 20, 1, 5);
    double before = INFINITY;
    for (double l2 = 1e-4; l2 < 1e6; l2 *= 10) {
        const fit f = learn(60, l2);
        assert_true(f.norm < before);
        before = f.norm;
    }
    assert_true(before < 1e-6);
    assert_true(learn(60, 1e-4).norm > 1);
}

static void separable_data_and_noise(void **state) {
    (void)state;
    draw(80, 10, 6, 7);
    fit f = learn(40, 1);
    assert_true(accuracy(&f, 40, 80) == 1);
    double sum = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) { /* noise is learned by heart, and of no use */
        draw(80, 200, 0, seed);
        f = learn(40, 1);
        assert_true(accuracy(&f, 0, 40) == 1);
        sum += accuracy(&f, 40, 80) / 20;
    }
    assert_true(fabs(sum - 0.5) < 0.07); /* deviation 0.5/sqrt(800) = 0.018 */
}

static void the_bias_is_free(void **state) {
    (void)state;
    draw(40, 5, 1, 11);
    const fit f = learn(40, 1);
    for (size_t i = 0; i < 40; i++) d.labels[i] = i >= 4; /* 36 to 4, apart from x */
    const fit much = learn(40, 1e9);
    assert_true(fabs(much.b - log(36.0 / 4)) < 1e-5);
    assert_true(fabs(f.b) < 1.5);
}

static void refusals(void **state) {
    (void)state;
    double alpha[4], b;
    int iterations;
    hth_error error;
    draw(4, 2, 0, 1);
    fill_gram(4);
    hth_logistic problem = {4, d.gram, d.labels, 0, 1e-9, 100};
    assert_int_equal(hth_logistic_fit(&problem, alpha, &b, &iterations, &error), HTH_INVALID);
    assert_string_equal(error.message, "the penalty is 0, but must be positive");
    problem.l2 = 1;
    problem.most_iterations = 1;
    problem.tolerance = 1e-12;
    assert_int_equal(hth_logistic_fit(&problem, alpha, &b, &iterations, &error), HTH_FAILED);
    problem.most_iterations = 100;
    assert_int_equal(hth_logistic_fit(&problem, alpha, &b, &iterations, &error), HTH_OK);
    memset(d.labels, 1, 4);
    assert_int_equal(hth_logistic_fit(&problem, alpha, &b, &iterations, &error), HTH_INVALID);
    assert_string_equal(error.message,
                        "all 4 samples are of one class: there is nothing to tell apart");
    d.labels[0] = 0;
    d.gram[3] = NAN;
    assert_int_equal(hth_logistic_fit(&problem, alpha, &b, &iterations, &error), HTH_NOT_FINITE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_samples_by_hand),
        cmocka_unit_test(the_gradient_vanishes_at_the_optimum),
        cmocka_unit_test(a_larger_penalty_gives_smaller_weights),
        cmocka_unit_test(separable_data_and_noise),
        cmocka_unit_test(the_bias_is_free),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
