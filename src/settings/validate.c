/*
 * Checks settings against all tables at once (base/known.c checks one setting), and that options without a default
 * are set.
 */
#include "settings/config.h"

#include "network/catalogues.h"
#include "tasks/catalogues.h"

#include <stdio.h>
#include <string.h>

/* The search for an option without a default that has no value. */
typedef struct unmet_need {
    const hth_settings *settings;
    hth_status status;
    hth_error *error;
} unmet_need;

static void check_given(void *context, const hth_table *table) {
    unmet_need *need = context;
    /* A part that a preset may still choose requires nothing here. */
    if (!table->active || !table->chosen) return;
    for (size_t i = 0; i < table->options->count && need->status == HTH_OK; i++) {
        const hth_option *option = &table->options->items[i];
        char key[HTH_KEY_LENGTH];
        hth_table_key(table, option, key);
        if (option->fallback || hth_table_value(need->settings, table, option)) continue;
        need->status =
            hth_fail(need->error, HTH_INVALID, "%s must be given: %s", key, option->help);
    }
}

/* Requires exactly one source of numbers: a task or a reader. */
static hth_status check_stream(const hth_settings *settings, hth_error *error) {
    const hth_setting *task = hth_settings_find(settings, hth_tasks.key);
    const hth_setting *data = hth_settings_find(settings, hth_readers.key);
    if (task && data)
        return hth_fail(error, HTH_INVALID,
                        "both %s (%s) and %s (%s) are given; a run has one or the other", task->key,
                        task->origin ? task->origin : "set", data->key,
                        data->origin ? data->origin : "set");
    if (task || data) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "there is nothing to learn from: give a task (task=add) or data (data=text "
                    "data.dir=FOLDER); 'hitherto list tasks' and 'hitherto list data' show them");
}

hth_status hth_config_validate(const hth_config *config, hth_error *error) {
    const hth_settings settings = hth_config_settings(config), given = hth_config_given(config);
    hth_stack stack;
    HTH_TRY(hth_stack_read(&settings, &stack, error));
    /* Only the user's settings must fit: conventions may set options of parts that are not chosen. */
    const hth_known known = hth_config_known();
    for (size_t i = 0; i < given.count; i++)
        HTH_TRY(hth_setting_check(&known, &settings, &given.items[i], error));
    HTH_TRY(check_stream(&settings, error));
    unmet_need need = {&settings, HTH_OK, error};
    hth_config_each_table(&settings, check_given, &need);
    return need.status;
}
