/* Without memory: whichever allocation fails, opening a session and checking it leave a status, a
 * sentence, and no leak. */
#include "runs.h"
#include "session/checkpoint.h"
#include "session/outer.h"

#include "data/failing_malloc.h"
#include "data/npz.h"

static const char line[] =
    "task=add loss=softmax network.units=3 learner=rtrl check.steps=3 check.samples=2 "
    "train.steps=4 train.threads=1 cell=lif";

static const char episodes[] =
    "task=arm task.steps=6 task.inputs=5 network.units=3 cell=lif learner=eprop1 "
    "learner.signal=module module.units=3 episode.updates=2 train.batch=2 train.sequences=4 "
    "train.threads=1";

static hth_status open_and_close_episodes(const hth_config *config, hth_error *error) {
    const hth_settings settings = hth_config_settings(config);
    hth_session session = {0};
    hth_source tasks = {0};
    HTH_TRY(hth_outer_open(&settings, HTH_TRAIN, &session, error));
    const hth_status status = hth_outer_source(&settings, &session, HTH_VALIDATE, &tasks, error);
    hth_source_close(&tasks);
    hth_session_close(&session);
    return status;
}

static hth_status open_and_close(const hth_config *config, hth_error *error) {
    const hth_settings settings = hth_config_settings(config);
    hth_session session = {0};
    hth_scorer scorer = {0};
    hth_identity identity = {0};
    HTH_TRY(hth_session_open(&settings, NULL, &session, error));
    hth_status status = hth_scorer_open(&settings, &session, HTH_VALIDATE, &scorer, error);
    if (status == HTH_OK) status = hth_identity_make(&settings, &identity, error);
    hth_identity_free(&identity);
    hth_scorer_close(&scorer);
    hth_session_close(&session);
    return status;
}

static hth_status check(const hth_config *config, hth_error *error) {
    return hth_check(config, NULL, NULL, NULL, NULL, NULL, error);
}

static hth_status check_into_a_file(const hth_config *config, hth_error *error) {
    return hth_check(config, NULL, scratch_path("gradients.npz"), NULL, NULL, NULL, error);
}

static void fail_at_every_allocation(const char *settings,
                                     hth_status (*use)(const hth_config *, hth_error *),
                                     size_t least) {
    size_t failures = 0;
    if (!FAILING_MALLOC) skip();
    hth_config *config = configure(settings);
    assert_int_equal(use(config, NULL), HTH_OK); /* libraries take what they keep */
    for (size_t n = 0;; n++) {
        hth_error error = {0};
        failing_malloc_start(n);
        hth_status status = use(config, &error);
        size_t left = failing_malloc_stop_own();
        if (left) fail_msg("allocation %zu: %zu pieces are left", n, left);
        if (status != HTH_OK) assert_true(error.message[0] != '\0');
        failures += status != HTH_OK;
        if (!failing_malloc_reached()) break;
    }
    hth_config_destroy(config);
    assert_true(failures >= least); /* the heap did fail */
}

static void a_session_without_memory(void **state) {
    (void)state;
    fail_at_every_allocation(line, open_and_close, 10);
}

static void episodes_without_memory(void **state) {
    (void)state;
    fail_at_every_allocation(episodes, open_and_close_episodes, 30);
}

static void a_check_without_memory(void **state) {
    (void)state;
    fail_at_every_allocation(line, check, 20);
}

/* Of a world, which the network plays, and whose data a reader reads; its gradients go to a file. */
static void a_check_of_recordings_without_memory(void **state) {
    (void)state;
    static const double x[] = {1, 2, 3, 4, 5, 6}, targets[] = {0, 1, 1, 2, -1, 3, 0, 1, 1, 1, 0, 2};
    const array all[] = {{"inputs", "<f8", "(2, 3, 1)", false, x, sizeof x},
                         {"targets", "<f8", "(2, 3, 2)", false, targets, sizeof targets}};
    char settings[400];
    npz_write(scratch_path("episodes.npz"), all, HTH_COUNT(all));
    snprintf(
        settings, sizeof settings,
        "world=recorded world.file=%s network.units=2 learner=rtrl check.steps=3 check.samples=1 "
        "train.threads=1",
        scratch_path("episodes.npz"));
    fail_at_every_allocation(settings, check_into_a_file, 30);
}

/* One that no machine has memory for is refused in a sentence that says where it goes, and before it is taken. */
static void a_model_larger_than_the_machine(void **state) {
    (void)state;
    hth_config *config = configure("task=add learner=rtrl network.units=300 train.batch=1000000");
    const hth_settings settings = hth_config_settings(config);
    hth_session session;
    hth_error error;
    assert_int_equal(hth_session_open(&settings, NULL, &session, &error), HTH_NO_MEMORY);
    assert_non_null(strstr(error.message, "the model would take "));
    assert_non_null(strstr(error.message, " of them for the learner and "));
    assert_non_null(strstr(error.message, "but this machine has "));
    assert_non_null(strstr(error.message, "hitherto list --cost"));
    hth_config_destroy(config);
}

/* The same of episodes, whose trials are tapes. */
static void episodes_larger_than_the_machine(void **state) {
    (void)state;
    hth_config *config =
        configure("task=arm task.inputs=5 task.steps=50 network.units=400 cell=lif learner=eprop1 "
                  "learner.signal=module episode.updates=1000 train.batch=100 train.sequences=1");
    const hth_settings settings = hth_config_settings(config);
    hth_session session;
    hth_error error;
    assert_int_equal(hth_outer_open(&settings, HTH_TRAIN, &session, &error), HTH_NO_MEMORY);
    assert_non_null(strstr(error.message, "the episodes would take "));
    assert_non_null(strstr(error.message, "for the trials of 100 tasks"));
    assert_non_null(strstr(error.message, "but this machine has "));
    hth_config_destroy(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_without_memory),
        cmocka_unit_test(episodes_without_memory),
        cmocka_unit_test(a_check_without_memory),
        cmocka_unit_test(a_check_of_recordings_without_memory),
        cmocka_unit_test(a_model_larger_than_the_machine),
        cmocka_unit_test(episodes_larger_than_the_machine),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
