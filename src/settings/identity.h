/* Which settings make a run what it is. */
#ifndef HTH_IDENTITY_H
#define HTH_IDENTITY_H

#include "base/options.h"

/* The settings that two runs must share for the one to take up the other's state. */
typedef struct hth_identity {
    struct hth_identity_item {
        char key[64];
        const char *value; /* a text of the settings or of a table */
    } * items;
    size_t count, capacity;
    bool network_only; /* compare what the network is, and not how it is trained */
    bool whole;        /* all that a run is told, but for its seed and threads */
} hth_identity;

hth_status hth_identity_make(const hth_settings *settings, hth_identity *out, hth_error *error);
/* With `whole` set. */
hth_status hth_identity_make_whole(const hth_settings *settings, hth_identity *out,
                                   hth_error *error);
/* "0.5" and "0.50" are the same setting. */
bool hth_same_value(const char *a, const char *b);
/* Whether the setting is compared. */
bool hth_identity_counts(const hth_identity *identity, const char *key);
void hth_identity_free(hth_identity *identity);

#endif
