/*
 * Turns settings into a list of runs: the arms (names of learners, and those of the section arms), each crossed
 * with every combination of the values in the section vary. Every variant is opened as its runs would be, so that
 * an error in any of them shows before the first run starts.
 */
#include "compare/plan.h"

#include "check/align.h"
#include "credit/catalogues.h"
#include "run/train.h"
#include "settings/phases.h"

#include <cJSON.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RUNS = 1000000, MOST_VARIED = 16 };

static hth_status no_memory(hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the plan of a comparison");
}

/* Copies the next item of a comma-separated list without the spaces around it, cut to the size of `out`. Returns
 * the item's length; 0 at the end of the list. */
static size_t next_item(const char **at, char *out, size_t size) {
    while (isspace((unsigned char)**at) || **at == ',') ++*at;
    size_t length = strcspn(*at, ",");
    const char *begin = *at;
    *at += length;
    while (length && isspace((unsigned char)begin[length - 1])) length--;
    snprintf(out, size, "%.*s", (int)length, begin);
    return length;
}

/* ---- Seeds -------------------------------------------------------------------------------- */

static hth_status add_seeds(hth_plan *plan, uint64_t first, uint64_t last, hth_error *error) {
    const size_t count = plan->seed_count + (size_t)(last - first) + 1;
    uint64_t *seeds = realloc(plan->seeds, count * sizeof *seeds);
    if (!seeds) return no_memory(error);
    plan->seeds = seeds;
    while (first <= last) seeds[plan->seed_count++] = first++;
    return HTH_OK;
}

/* Reads "5" or "21-40"; false for any other text. */
static bool read_range(const char *text, uint64_t *first, uint64_t *last) {
    char *end;
    if (!isdigit((unsigned char)*text) || strlen(text) > 32) return false;
    *first = *last = strtoull(text, &end, 10);
    while (isspace((unsigned char)*end)) end++;
    if (!*end) return *last <= (uint64_t)9e15;
    if (*end++ != '-') return false;
    while (isspace((unsigned char)*end)) end++;
    if (!isdigit((unsigned char)*end)) return false;
    *last = strtoull(end, &end, 10);
    return !*end && *first <= *last && *last <= (uint64_t)9e15 && *last - *first < MOST_RUNS;
}

static hth_status read_seeds(hth_plan *plan, const hth_setting *setting, hth_error *error) {
    const char *at = plan->options.seeds;
    char item[64];
    bool alone = !strchr(at, ',') && !strchr(at, '-'), good = true;
    /* Read the items. A single number N means the seeds 1 to N. */
    while (good && next_item(&at, item, sizeof item)) {
        uint64_t first, last;
        good = read_range(item, &first, &last);
        if (good && alone) {
            first = 1;
            good = last >= 1 && last <= MOST_RUNS;
        }
        if (good) HTH_TRY(add_seeds(plan, first, last, error));
    }
    if (good && plan->seed_count && plan->seed_count <= MOST_RUNS) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s%scompare.seeds is '%.60s', but must be a number N for the seeds 1 to N, a "
                    "list (3, 5, 8), or ranges (21-40)",
                    setting && setting->origin ? setting->origin : "",
                    setting && setting->origin ? ": " : "", plan->options.seeds);
}

/* ---- Varied settings ------------------------------------------------------------------------- */

/* One setting of the section vary. */
typedef struct varied {
    const hth_setting *setting;
    char values[64][HTH_KEY_LENGTH];
    size_t count, at; /* at: the current value */
} varied;

/* The state while a plan is made. */
typedef struct planner {
    const hth_config *config;
    hth_plan *plan;
    varied *varied;
    size_t varied_count;
    hth_error *error;
} planner;

static hth_status complain(const planner *p, const hth_setting *setting, const char *reason) {
    return hth_fail(p->error, HTH_INVALID, "%s%s%s %s", setting->origin ? setting->origin : "",
                    setting->origin ? ": " : "", setting->key, reason);
}

/* Refuses settings that arms may not set and that may not be varied. */
static hth_status check_key(const planner *p, const hth_setting *setting) {
    if (strcmp(setting->key, "train.seed") == 0)
        return complain(p, setting,
                        "is not for arms or variation: seeds are given by compare.seeds");
    if (strcmp(setting->key, "train.threads") == 0)
        return complain(p, setting,
                        "is not for arms or variation: every run of a comparison has one thread");
    if (strncmp(setting->key, "compare.", 8) == 0)
        return complain(p, setting, "holds for the whole comparison, not for an arm");
    return HTH_OK;
}

/* Copies the next value of a varied list such as "[8, 4], 16". A value in brackets is a list itself and is copied
 * without its brackets. Returns the length as next_item does. *good false: the brackets do not match. */
static size_t next_value(const char **at, char *out, size_t size, bool *good) {
    while (isspace((unsigned char)**at) || **at == ',') ++*at;
    size_t length;
    /* A value without brackets ends at the next comma. */
    if (**at != '[') {
        length = next_item(at, out, size);
        *good = !strpbrk(out, "[]");
        return length;
    }
    /* A list ends at its closing bracket. */
    const char *inner = ++*at;
    length = strcspn(inner, "[]");
    *at += length;
    *good = **at == ']';
    if (*good) ++*at;
    while (isspace((unsigned char)**at)) ++*at;
    *good = *good && length > 0 && (**at == ',' || !**at);
    snprintf(out, size, "%.*s", (int)length, inner);
    return length ? length : 1;
}

static hth_status read_values(const planner *p, varied *to) {
    const char *at = to->setting->value;
    char value[HTH_KEY_LENGTH];
    bool good = true;
    HTH_TRY(check_key(p, to->setting));
    /* Read the values and refuse those that are malformed, too long, too many or repeated. */
    for (size_t length; (length = next_value(&at, value, sizeof value, &good));) {
        if (!good)
            return complain(p, to->setting,
                            "is varied with brackets that do not fit: write [8, 16] for two "
                            "values, [[8, 8], [4, 4]] for two lists");
        if (length >= sizeof value)
            return complain(p, to->setting,
                            "is varied with a value of more than 95 letters: make it an arm's");
        if (to->count == HTH_COUNT(to->values))
            return complain(p, to->setting, "has more than 64 values");
        for (size_t i = 0; i < to->count; i++)
            if (hth_same_value(to->values[i], value))
                return complain(p, to->setting, "is varied with the same value twice");
        memcpy(to->values[to->count++], value, sizeof value);
    }
    return to->count ? HTH_OK : complain(p, to->setting, "is varied without a value");
}

/* Reads the varied settings. If a key occurs twice, the later one counts. */
static hth_status read_varied(planner *p) {
    const hth_config *vary = p->config->vary;
    for (size_t i = 0; vary && i < vary->count; i++) {
        const hth_settings all = hth_config_settings(vary);
        if (hth_settings_find(&all, vary->items[i].key) != &vary->items[i]) continue;
        if (p->varied_count == MOST_VARIED)
            return complain(p, &vary->items[i],
                            "is one setting too many: at most 16 can be varied");
        p->varied[p->varied_count].setting = &vary->items[i];
        HTH_TRY(read_values(p, &p->varied[p->varied_count++]));
    }
    return HTH_OK;
}

/* Goes to the next combination of values; false after the last. */
static bool turn(planner *p) {
    for (size_t i = p->varied_count; i-- > 0;) {
        if (++p->varied[i].at < p->varied[i].count) return true;
        p->varied[i].at = 0;
    }
    return false;
}

/* ---- Variants ----------------------------------------------------------------------------- */

static hth_status copy_settings(const hth_config *from, hth_config *to, hth_error *error) {
    for (size_t i = 0; from && i < from->count; i++) {
        const hth_setting *item = &from->items[i];
        HTH_TRY(hth_config_set(to, item->key, item->value, item->origin, error));
    }
    return HTH_OK;
}

static hth_status set_varied(const planner *p, const hth_arm *arm, hth_variant *v) {
    cJSON *object = cJSON_CreateObject();
    hth_status status = HTH_OK;
    for (size_t i = 0; i < p->varied_count && status == HTH_OK; i++) {
        const hth_setting *setting = p->varied[i].setting;
        const char *value = p->varied[i].values[p->varied[i].at];
        const hth_settings own = arm->own ? hth_config_given(arm->own) : (hth_settings){0};
        const hth_setting *twice = hth_settings_find(&own, setting->key);
        if (twice) {
            status = complain(p, twice, "is set by an arm, and varied too: it can be only one");
        } else {
            status = hth_config_set(v->config, setting->key, value, setting->origin, p->error);
            if (!cJSON_AddStringToObject(object, setting->key, value)) status = HTH_NO_MEMORY;
        }
    }
    v->varied = object ? cJSON_PrintUnformatted(object) : NULL;
    cJSON_Delete(object);
    return status == HTH_NO_MEMORY || !v->varied ? no_memory(p->error) : status;
}

static bool measure_fits(const hth_compare_options *options, const hth_prospect *prospect) {
    const char *measure = hth_compare_measures[options->measure];
    if (strstr(measure, "metric") && !prospect->metric->value) return false;
    return prospect->has_validation || strncmp(measure, "validation", 10) != 0;
}

static const char *identity_value(const hth_identity *identity, const char *key) {
    for (size_t i = 0; i < identity->count; i++)
        if (strcmp(identity->items[i].key, key) == 0) return identity->items[i].value;
    return NULL;
}

/* Opens the variant as a run with the first seed would be opened, and keeps the facts that the plan needs. */
static hth_status try_variant(const planner *p, hth_variant *v) {
    char seed[24];
    hth_prospect prospect = {0};
    hth_config *config = v->config;
    const size_t count = config->count;
    /* Open it with one thread and the first seed, then take both settings away again. */
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)p->plan->seeds[0]);
    HTH_TRY(hth_config_set(config, "train.threads", "1", NULL, p->error));
    HTH_TRY(hth_config_set(config, "train.seed", seed, NULL, p->error));
    HTH_TRY(hth_train_check(config, &hth_align_guest, &prospect, p->error));
    hth_config_truncate(config, count);
    /* Keep what the table of results shows. */
    v->update_steps = prospect.update_steps;
    v->sequence_steps = prospect.sequence_steps;
    const hth_settings settings = hth_config_settings(config);
    snprintf(v->unit, sizeof v->unit, "%s", prospect.unit);
    snprintf(v->metric, sizeof v->metric, "%s", prospect.metric->part.name);
    HTH_TRY(hth_identity_make_whole(&settings, &v->identity, p->error));
    const char *report = identity_value(&v->identity, "loss.report");
    snprintf(v->loss, sizeof v->loss, report ? "%.20s (loss.report %.20s)" : "%.20s", prospect.loss,
             report ? report : "");
    /* Find the measure and refuse one that these runs do not have. */
    p->plan->options.measure = hth_compare_measure(p->plan->options.measure, prospect.metric);
    if (measure_fits(&p->plan->options, &prospect)) return HTH_OK;
    return hth_fail(
        p->error, HTH_INVALID,
        "compare.measure is '%s', but these runs have no such number: the metric is %s, "
        "and there is %s validation",
        hth_compare_measures[p->plan->options.measure], prospect.metric->part.name,
        prospect.has_validation ? "a" : "no");
}

/* Refuses variants whose loss, unit or metric differs: a column of the table must mean the same in every row. */
static hth_status check_alike(const planner *p, const hth_variant *v) {
    const hth_variant *first = &p->plan->variants[0];
    const char *const pairs[][3] = {{"loss", v->loss, first->loss},
                                    {"unit of the loss", v->unit, first->unit},
                                    {"metric", v->metric, first->metric}};
    for (size_t i = 0; i < HTH_COUNT(pairs); i++)
        if (strcmp(pairs[i][1], pairs[i][2]) != 0)
            return hth_fail(p->error, HTH_INVALID,
                            "the %s is %s, but that of arm '%s' is %s, and one table cannot show "
                            "both: compare them apart",
                            pairs[i][0], pairs[i][1], first->arm, pairs[i][2]);
    return HTH_OK;
}

static hth_status fill_variant(const planner *p, const hth_arm *arm, hth_variant *v) {
    snprintf(v->arm, sizeof v->arm, "%s", arm->label);
    HTH_TRY(hth_config_create(&v->config, p->error));
    HTH_TRY(copy_settings(p->config, v->config, p->error));
    const size_t common = v->config->count;
    HTH_TRY(copy_settings(arm->own, v->config, p->error));
    HTH_TRY(set_varied(p, arm, v));
    HTH_TRY(hth_config_prevail(v->config, common, p->error));
    v->config->settled = v->config->count; /* all arms are looked at together */
    HTH_TRY(try_variant(p, v));
    return check_alike(p, v);
}

/* Adds the variant's name to the sentence of an error. */
static hth_status annotate(const planner *p, const hth_variant *v, hth_status status) {
    char reason[sizeof p->error->message], values[200] = "";
    if (status == HTH_OK) return status;
    for (size_t i = 0; i < p->varied_count; i++) {
        const size_t used = strlen(values);
        snprintf(values + used, sizeof values - used, ", %s=%s", p->varied[i].setting->key,
                 p->varied[i].values[p->varied[i].at]);
    }
    snprintf(reason, sizeof reason, "%s", p->error->message);
    return hth_fail(p->error, status, "%s (arm '%s'%s)", reason, v->arm, values);
}

static hth_status add_variants(planner *p, const hth_arm *arm) {
    /* Refuse settings that no arm may set, and a label that another arm has. */
    hth_plan *plan = p->plan;
    for (size_t i = 0; arm->own && i < arm->own->count; i++)
        HTH_TRY(check_key(p, &arm->own->items[i]));
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->variants[i].arm, arm->label) == 0)
            return hth_fail(p->error, HTH_INVALID,
                            "two arms have the label '%s'; each needs one of its own", arm->label);
    /* A variant for each combination of varied values. */
    do {
        hth_variant *variants = realloc(plan->variants, (plan->count + 1) * sizeof *variants);
        if (!variants) return no_memory(p->error);
        plan->variants = variants;
        hth_variant *v = &variants[plan->count++];
        *v = (hth_variant){.config = NULL};
        HTH_TRY(annotate(p, v, fill_variant(p, arm, v)));
        if (plan->count * plan->seed_count > MOST_RUNS)
            return hth_fail(
                p->error, HTH_INVALID,
                "this comparison has more than %d runs, which are arms x varied values x seeds: "
                "leave some out",
                MOST_RUNS);
    } while (turn(p));
    return HTH_OK;
}

/* ---- Arms --------------------------------------------------------------------------------- */

/* Adds an arm that is named after a learner. */
static hth_status add_learner(planner *p, const char *name, const char *origin) {
    hth_config *own;
    HTH_TRY(hth_config_create(&own, p->error));
    hth_status status = hth_config_set(own, "learner.name", name, origin, p->error);
    const hth_arm arm = {(char *)(uintptr_t)name, NULL, own};
    if (status == HTH_OK) status = add_variants(p, &arm);
    hth_config_destroy(own);
    return status;
}

static hth_status add_arms(planner *p) {
    const hth_settings settings = hth_config_settings(p->config);
    const hth_setting *setting = hth_settings_find(&settings, "compare.learners");
    const char *at = p->plan->options.learners;
    char name[HTH_KEY_LENGTH];
    while (next_item(&at, name, sizeof name))
        HTH_TRY(add_learner(p, name, setting ? setting->origin : NULL));
    for (size_t i = 0; i < p->config->arm_count; i++) HTH_TRY(add_variants(p, &p->config->arms[i]));
    if (p->plan->count) return HTH_OK;
    /* No arms: there is one, with the learner of the settings. */
    const hth_setting *learner = hth_settings_find(&settings, "learner.name");
    return add_learner(p, learner ? learner->value : hth_learners.fallback,
                       learner ? learner->origin : NULL);
}

/* ---- All of it ---------------------------------------------------------------------------- */

static hth_status plan_all(planner *p) {
    const hth_settings settings = hth_config_settings(p->config);
    hth_plan *plan = p->plan;
    HTH_TRY(hth_options_read(&hth_compare_section.common, &settings, &plan->options, p->error));
    HTH_TRY(read_seeds(plan, hth_settings_find(&settings, "compare.seeds"), p->error));
    HTH_TRY(read_varied(p));
    HTH_TRY(add_arms(p));
    return hth_config_check_switched(p->config, p->error);
}

hth_status hth_plan_make(const hth_config *config, hth_plan **out, hth_error *error) {
    hth_error own;
    planner p = {.config = config, .error = error ? error : &own};
    p.plan = calloc(1, sizeof *p.plan);
    p.varied = calloc(MOST_VARIED, sizeof *p.varied);
    hth_status status = p.plan && p.varied ? plan_all(&p) : no_memory(p.error);
    free(p.varied);
    if (status == HTH_OK)
        *out = p.plan;
    else
        hth_plan_free(p.plan);
    return status;
}

void hth_plan_free(hth_plan *plan) {
    if (!plan) return;
    for (size_t i = 0; i < plan->count; i++) {
        hth_identity_free(&plan->variants[i].identity);
        hth_config_destroy(plan->variants[i].config);
        cJSON_free(plan->variants[i].varied);
    }
    free(plan->variants);
    free(plan->seeds);
    free(plan);
}

/* Runs are dealt out one after the other. When that would give a part the same variants for every seed, the first part
 * to be dealt to moves on. */
bool hth_plan_has(const hth_plan *plan, size_t variant, size_t seed) {
    const size_t of = plan->part.of, number = seed * plan->count + variant;
    if (of == 0) return true;
    size_t divisor = plan->count, rest = of;
    while (rest) {
        const size_t next = divisor % rest;
        divisor = rest;
        rest = next;
    }
    const size_t cycle = plan->count / divisor * of;
    return (number + number / cycle) % of == plan->part.part - 1;
}
