/* Formulae: precedence, names, and what is none. */
#include "base/formula.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool look_up(void *context, const char *name, size_t length, double *value) {
    (void)context;
    if (length == 1 && name[0] == 'n') *value = 3;
    if (length == 2 && memcmp(name, "nn", 2) == 0) *value = 5;
    return name[0] == 'n' && length <= 2;
}

static double value(const char *text) {
    return hth_formula(text, look_up, NULL);
}

static void test_values(void **state) {
    (void)state;
    assert_true(value("2") == 2);
    assert_true(value("1 + 2*n") == 7);
    assert_true(value("(1 + 2)*n*nn") == 45);
    assert_true(value("n - 1 - 1") == 1);
    assert_true(value("6/n/2 + 1.5") == 2.5);
    assert_true(value("((n))") == 3);
}

static void test_what_is_no_formula(void **state) {
    static const char *const wrong[] = {"", "x", "n m", "(n", "n)", "2*", "n+", "nnn", "*2"};
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(wrong); i++) assert_true(isnan(value(wrong[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_what_is_no_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
