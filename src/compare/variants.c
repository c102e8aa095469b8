/* The variants of a comparison: which one a run is of, and its settings, of which the latest stay in memory. */
#include "compare/comparing.h"

#include <stdio.h>
#include <stdlib.h>

static int by_id(const void *a, const void *b) {
    const hth_stored_variant *one = *(const hth_stored_variant *const *)a,
                             *other = *(const hth_stored_variant *const *)b;
    return (one->id > other->id) - (one->id < other->id);
}

hth_status hth_order_variants(hth_comparing *c, hth_error *error) {
    c->by_id = calloc(c->variant_count + 1, sizeof *c->by_id);
    if (!c->by_id) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a comparison");
    for (size_t i = 0; i < c->variant_count; i++) c->by_id[i] = &c->variants[i];
    qsort(c->by_id, c->variant_count, sizeof *c->by_id, by_id);
    return HTH_OK;
}

const hth_stored_variant *hth_variant_of(const hth_comparing *c, const hth_stored_run *run) {
    const hth_stored_variant wanted = {.id = run->variant}, *key = &wanted;
    const hth_stored_variant *const *found =
        bsearch(&key, c->by_id, c->variant_count, sizeof *c->by_id, by_id);
    return found ? *found : c->variants;
}

/* Reads the settings of a variant from the store. */
static hth_status read_settings(const hth_comparing *c, int64_t variant, hth_config **out,
                                hth_error *error) {
    HTH_TRY(hth_config_create(out, error));
    hth_status status = hth_store_settings(c->store, variant, *out, error);
    if (status == HTH_OK) status = hth_config_set(*out, "train.threads", "1", NULL, error);
    if (status != HTH_OK) {
        hth_config_destroy(*out);
        *out = NULL;
    }
    return status;
}

hth_status hth_run_settings(hth_comparing *c, const hth_stored_run *run, const hth_config **out,
                            hth_error *error) {
    const size_t at = (size_t)(hth_variant_of(c, run) - c->variants) % HTH_COUNT(c->known);
    hth_known_settings *known = &c->known[at];
    char seed[24];
    /* Read them, unless they are known. */
    if (!known->config || known->variant != run->variant) {
        hth_config_destroy(known->config);
        known->config = NULL;
        HTH_TRY(read_settings(c, run->variant, &known->config, error));
        known->variant = run->variant;
        known->count = known->config->count;
    }
    /* The seed takes the place of that of the run before. */
    hth_config_truncate(known->config, known->count);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)run->seed);
    HTH_TRY(hth_config_set(known->config, "train.seed", seed, NULL, error));
    *out = known->config;
    return HTH_OK;
}

void hth_forget_settings(hth_comparing *c) {
    for (size_t i = 0; i < HTH_COUNT(c->known); i++) hth_config_destroy(c->known[i].config);
}
