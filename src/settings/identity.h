/* The settings that identify a run. */
#ifndef HTH_IDENTITY_H
#define HTH_IDENTITY_H

#include "base/options.h"

/* The settings that two runs must share before one can load the other's state. */
typedef struct hth_identity {
    struct hth_identity_item {
        char key[96];
        const char *value; /* text owned by the settings or by a table */
        bool by_default;   /* the value is the setting's default */
    } * items;
    size_t count, capacity;
    char *phases;      /* their names, "digits, shuffled"; NULL: there are none */
    bool network_only; /* compare only the settings of the network, not those of training */
    bool whole;        /* compare all settings of a run except seed and threads */
    bool has_episodes; /* a run of episodes: sections module and episode count */
} hth_identity;

hth_status hth_identity_make(const hth_settings *settings, hth_identity *out, hth_error *error);
/* hth_identity_make with `whole` set. */
hth_status hth_identity_make_whole(const hth_settings *settings, hth_identity *out,
                                   hth_error *error);
/* HTH_MISMATCH where settings behind the first `count`, those of a run that is to go on, give one of the identity another
 * value; of_network: of a run that is looked at, one of its network. */
hth_status hth_identity_keep(const hth_settings *settings, size_t count, bool of_network,
                             hth_error *error);
/* Whether two values are equal; "0.5" and "0.50" are. */
bool hth_same_value(const char *a, const char *b);
/* Whether the setting belongs to the identity. */
bool hth_identity_counts(const hth_identity *identity, const char *key);
void hth_identity_free(hth_identity *identity);

#endif
