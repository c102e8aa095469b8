/*
 * Leaves out settings one by one, from the last to the first, as long as the identity of the run stays the same
 * (identity.h). So nothing has to be known here about defaults, presets and conventions. Time: the square of the
 * number of settings.
 */
#include "settings/needed.h"

#include "settings/identity.h"

#include <stdlib.h>
#include <string.h>

static bool same(const hth_identity *a, const hth_identity *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i].key, b->items[i].key) != 0 ||
            !hth_same_value(a->items[i].value, b->items[i].value))
            return false;
    return true;
}

/* *idle: whether the run is the same without the setting at `index`. */
static hth_status is_idle(const hth_settings *settings, size_t index, const hth_identity *whole,
                          hth_setting *room, bool *idle, hth_error *error) {
    hth_identity without;
    const hth_settings rest = {room, settings->count - 1};
    for (size_t i = 0, used = 0; i < settings->count; i++)
        if (i != index) room[used++] = settings->items[i];
    HTH_TRY(hth_identity_make_whole(&rest, &without, error));
    *idle = same(whole, &without);
    hth_identity_free(&without);
    return HTH_OK;
}

static hth_status leave_out(hth_setting *items, size_t *count, hth_setting *room,
                            const hth_identity *whole, hth_error *error) {
    for (size_t i = *count; i-- > 0;) {
        const hth_settings now = {items, *count};
        bool idle = false;
        if (strcmp(items[i].key, "train.seed") == 0) continue;
        HTH_TRY(is_idle(&now, i, whole, room, &idle, error));
        if (!idle) continue;
        memmove(&items[i], &items[i + 1], (*count - i - 1) * sizeof *items);
        --*count;
    }
    return HTH_OK;
}

hth_status hth_settings_needed(const hth_settings *settings, hth_settings *out, hth_error *error) {
    hth_setting *items = malloc((settings->count + 1) * sizeof *items);
    hth_setting *room = malloc((settings->count + 1) * sizeof *room);
    hth_identity whole = {0};
    size_t count = settings->count;
    hth_status status = HTH_NO_MEMORY;
    /* Memory, and the identity with all settings. */
    if (!items || !room)
        hth_fail(error, status, "not enough memory for the settings");
    else
        status = hth_identity_make_whole(settings, &whole, error);
    /* Copy the settings and leave out those that change nothing. */
    if (status == HTH_OK) {
        memcpy(items, settings->items, count * sizeof *items);
        status = leave_out(items, &count, room, &whole, error);
    }
    hth_identity_free(&whole);
    free(room);
    if (status == HTH_OK)
        *out = (hth_settings){items, count};
    else
        free(items);
    return status;
}
