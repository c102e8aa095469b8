/* What tests of comparisons share: settings of small ones, running them in the scratch folder, and what they left
 * in the store. */
#ifndef HTH_TEST_COMPARISONS_H
#define HTH_TEST_COMPARISONS_H

#include "compare/compare.h"
#include "compare/plan.h"
#include "compare/results.h"
#include "compare/store/sql.h"
#include "runs.h"

#define ADD                                                                                        \
    "task=add loss=softmax network.units=6 train.steps=400 train.report_every=40 "                 \
    "optimiser.lr=0.01 "
#define COPY                                                                                       \
    "task=copy-repeat task.solved=10 loss=sigmoid cell=lstm network.units=6 optimiser.lr=0.01 "    \
    "learner=tbptt learner.steps=4 train.batch=3 train.steps=600 "
#define TWO ADD "compare.learners=tbptt,rtrl compare.seeds=3 "

static inline hth_status compare_line(const char *line, const char *name,
                                      const hth_compare_observer *observer, hth_error *error) {
    hth_config *config = line ? configure(line) : NULL;
    hth_ending ending = HTH_INTERRUPTED;
    hth_status status = hth_compare(config, scratch_path(name), 2, observer, &ending, error);
    if (status == HTH_OK) assert_int_equal(ending, HTH_FINISHED);
    hth_config_destroy(config);
    return status;
}

static inline void compare_whole(const char *line, const char *name) {
    hth_error error;
    if (compare_line(line, name, NULL, &error) != HTH_OK) fail_msg("%s: %s", name, error.message);
}

static inline hth_comparison *results(const char *name, const char *overrides) {
    hth_comparison *comparison;
    hth_error error;
    hth_config *config = configure(overrides);
    if (hth_comparison_load(scratch_path(name), config, &comparison, &error) != HTH_OK)
        fail_msg("%s", error.message);
    hth_config_destroy(config);
    return comparison;
}

static inline hth_store *open_results(const char *name) {
    char path[320];
    hth_store *store;
    snprintf(path, sizeof path, "%s/results.db", scratch_path(name));
    assert_int_equal(hth_store_open(path, &store, NULL), HTH_OK);
    return store;
}

/* All runs, with the store still open. */
static inline hth_stored_run *runs_of(const char *name, size_t *count) {
    hth_stored_run *runs;
    hth_store *store = open_results(name);
    assert_int_equal(hth_store_runs(store, &runs, count, NULL), HTH_OK);
    hth_store_close(store);
    return runs;
}

static inline hth_line *lines_of(const char *name, int64_t run, size_t *count) {
    hth_line *lines;
    hth_store *store = open_results(name);
    assert_int_equal(hth_store_lines(store, run, &lines, count, NULL), HTH_OK);
    hth_store_close(store);
    return lines;
}

#endif
