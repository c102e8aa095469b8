/* Archives of arrays that predictions and recordings are written to: without memory there is a sentence, and no file.
 * */
#define _POSIX_C_SOURCE 200809L
#include "files/npz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/failing_malloc.h"
#include "scratch.h"

static const hth_real numbers[6] = {1, 2, 3, 4, 5, 6};

static hth_status write_two(hth_error *error) {
    const hth_npz_array arrays[] = {{"outputs", HTH_DTYPE_REAL, 2, {2, 3}, numbers},
                                    {"lengths", HTH_DTYPE_REAL, 1, {6}, numbers}};
    return hth_npz_write(scratch_path("two.npz"), arrays, 2, error);
}

static void without_memory(void **state) {
    (void)state;
    if (!FAILING_MALLOC) skip();
    size_t failures = 0;
    hth_error error;
    assert_int_equal(write_two(&error),
                     HTH_OK); /* what libraries keep for ever is there from now on */
    for (size_t n = 0, reached = 1; reached; n++) {
        error = (hth_error){0};
        unlink(scratch_path("two.npz"));
        failing_malloc_start(n);
        const hth_status status = write_two(&error);
        const size_t left = failing_malloc_stop_own();
        reached = failing_malloc_reached();
        if (left) fail_msg("allocation %zu: %zu pieces are left", n, left);
        assert_int_equal(access(scratch_path("two.npz"), F_OK) == 0, status == HTH_OK);
        if (status != HTH_OK) assert_non_null(strstr(error.message, "two.npz"));
        failures += status != HTH_OK;
    }
    assert_true(failures > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(without_memory)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
