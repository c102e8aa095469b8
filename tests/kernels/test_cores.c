/* The number of cores that a process may use: texts and trees of control groups, and the affinity. */
#define _GNU_SOURCE
#include "../scratch.h"
#include "kernels/cores.h"

#include <sys/wait.h>
#ifdef __linux__
#include <sched.h>
#endif

static void test_a_quota_is_rounded_up(void **state) {
    static const struct {
        const char *text;
        int cores;
    } cases[] = {
        {"max 100000\n", 0},
        {"150000 100000\n", 2},
        {"200000 100000\n", 2},
        {"200001 100000", 3},
        {"1000 100000\n", 1},
        {"-1\n100000\n", 0},
        {"50000\n100000\n", 1},
        {"800000\n100000\n", 8},
        {"", 0},
        {"max", 0},
        {"100000", 0},
        {"100000 ", 0},
        {"100000 0", 0},
        {"100000 -5", 0},
        {"0 100000", 0},
        {"many 100000", 0},
        {"100000 many", 0},
        {"9223372036854775807 1", 0},
        {"99999999999999999999999 100000", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(hth_cores_of_quota(cases[i].text), cases[i].cores);
}

static void write_text(const char *folder, const char *name, const char *text) {
    char path[128], part[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (size_t i = 1; folder[i]; i++) {
        snprintf(part, sizeof part, "%.*s", (int)i + 1, folder);
        if (!folder[i + 1] || folder[i + 1] == '/') mkdir(scratch_path(part), 0700);
    }
    scratch_write(path, text, strlen(text));
}

static int cores_of(const char *groups) {
    return hth_cores_of_groups(groups, scratch_path("cgroup"));
}

static void test_the_least_quota_above_a_group_counts(void **state) {
    (void)state;
    mkdir(scratch_path("cgroup"), 0700);
    write_text("cgroup/batch", "cpu.max", "300000 100000\n");
    write_text("cgroup/batch/job", "cpu.max", "550000 100000\n");
    write_text("cgroup/batch/free", "cpu.max", "max 100000\n");
    write_text("cgroup/batch/small", "cpu.max", "50000 100000\n");
    assert_int_equal(cores_of("0::/\n"), 0);
    assert_int_equal(cores_of("0::/batch\n"), 3);
    assert_int_equal(cores_of("0::/batch/job\n"), 3);
    assert_int_equal(cores_of("0::/batch/free\n"), 3);
    assert_int_equal(cores_of("0::/batch/small"), 1);
    assert_int_equal(cores_of("0::/batch/gone/deeper\n"), 3);
    assert_int_equal(cores_of("0::/elsewhere\n"), 0);
    assert_int_equal(cores_of("0::/../../outside\n"), 0);
}

static void test_version_1_counts_too(void **state) {
    (void)state;
    write_text("cgroup/cpu", "cpu.cfs_quota_us", "-1\n");
    write_text("cgroup/cpu", "cpu.cfs_period_us", "100000\n");
    write_text("cgroup/cpu/slice", "cpu.cfs_quota_us", "250000\n");
    write_text("cgroup/cpu/slice", "cpu.cfs_period_us", "100000\n");
    write_text("cgroup/cpu/half", "cpu.cfs_quota_us", "250000\n"); /* no period */
    assert_int_equal(cores_of("5:memory:/slice\n4:cpu,cpuacct:/slice\n0::/\n"), 3);
    assert_int_equal(cores_of("4:cpuacct,cpu:/slice\n"), 3);
    assert_int_equal(cores_of("4:cpu:/slice\n0::/batch/small\n"), 1);
    assert_int_equal(cores_of("4:cpu:/\n"), 0);
    assert_int_equal(cores_of("4:cpu:/half\n"), 0);
    assert_int_equal(cores_of("4:cpuset:/slice\n"), 0);
    write_text("cgroup/cpu", "cpu.cfs_quota_us", "400000\n"); /* a container sees its own here */
    assert_int_equal(cores_of("4:cpu,cpuacct:/docker/0123456789abcdef\n"), 4);
}

static void test_other_texts_name_no_group(void **state) {
    static char longest[6000];
    static const char *const texts[] = {
        "", "\n\n", "0", "0:", "0::", "0::batch", "::", "cpu", ":cpu:"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(cores_of(texts[i]), 0);
    memset(longest, '/', sizeof longest - 1);
    memcpy(longest, "0::", 3);
    assert_int_equal(cores_of(longest), 0);
    longest[4000] = '\0';
    assert_int_equal(cores_of(longest), 0);
}

static void test_no_more_than_the_process_may_run_on(void **state) {
    (void)state;
    assert_true(hth_cores() >= 1);
#ifdef __linux__
    const pid_t child = fork();
    if (child == 0) {
        cpu_set_t all, one;
        int first = 0, status = sched_getaffinity(0, sizeof all, &all);
        while (status == 0 && first < CPU_SETSIZE - 1 && !CPU_ISSET(first, &all)) first++;
        CPU_ZERO(&one);
        CPU_SET(first, &one);
        if (status == 0) status = sched_setaffinity(0, sizeof one, &one);
        _exit(status != 0 ? 77 : hth_cores() == 1 ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_quota_is_rounded_up),
        cmocka_unit_test(test_the_least_quota_above_a_group_counts),
        cmocka_unit_test(test_version_1_counts_too),
        cmocka_unit_test(test_other_texts_name_no_group),
        cmocka_unit_test(test_no_more_than_the_process_may_run_on),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
