/* A results.db of a comparison: everything that compare reads of it. */
#include "compare/store/store.h"
#include "fuzz.h"

static void read_all(hth_store *store, hth_error *error) {
    hth_stored_variant *variants = NULL;
    hth_stored_run *runs = NULL;
    hth_line *lines = NULL;
    size_t count = 0, run_count = 0, line_count = 0;
    char option[64];
    hth_status status = hth_store_option(store, "measure", option, sizeof option, error);
    fuzz_refused(status, error);
    status = hth_store_variants(store, &variants, &count, error);
    fuzz_refused(status, error);
    for (size_t i = 0; status == HTH_OK && i < count && i < 4; i++) {
        hth_config *config;
        if (hth_config_create(&config, error)) abort();
        fuzz_refused(hth_store_settings(store, variants[i].id, config, error), error);
        hth_config_destroy(config);
    }
    if (status == HTH_OK) hth_store_free_variants(variants, count);
    status = hth_store_runs(store, &runs, &run_count, error);
    fuzz_refused(status, error);
    if (status != HTH_OK) return;
    for (size_t i = 0; i < run_count && i < 4; i++) {
        const hth_status read = hth_store_lines(store, runs[i].id, &lines, &line_count, error);
        fuzz_refused(read, error);
        if (read == HTH_OK) free(lines);
    }
    free(runs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hth_store *store = NULL;
    hth_error error = {.message = ""};
    fuzz_write("results.db", data, size);
    unlink(fuzz_path("results.db-journal"));
    unlink(fuzz_path("results.db-wal"));
    hth_status status = hth_store_open(fuzz_path("results.db"), &store, &error);
    fuzz_refused(status, &error);
    if (status != HTH_OK) return 0;
    read_all(store, &error);
    hth_store_close(store);
    return 0;
}
