/* The catalogues of the learner: presets and the four axes. */
#ifndef HTH_CREDIT_CATALOGUES_H
#define HTH_CREDIT_CATALOGUES_H

#include "base/options.h"

extern const hth_catalogue hth_learners; /* learner.name (presets) and learner.* */
extern const hth_catalogue hth_signals, hth_recurrences, hth_pasts, hth_futures;

/* How many steps a tape has when learner.steps does not say it. */
typedef enum hth_default_steps {
    HTH_WHOLE_SEQUENCE, /* must be the whole: fewer are refused */
    HTH_TRUNCATED,      /* the whole sequence, or 20 where it has more than 1000 steps or no end */
    HTH_WHOLE_TRIALS, /* the gradient is that of the sequence for any: as few equal tapes as do not exceed
                       * 1000 steps, 20 steps where it has no end; one update a sequence */
    HTH_FOUR_STEPS, /* as Bellec et al. 2019, tasks 3.1 and 3.2, or the whole where that is less */
    HTH_ONE_STEP
} hth_default_steps;

/* The choices of learner.update; auto is one of the other two, by the learner. */
enum { HTH_UPDATE_AUTO, HTH_UPDATE_TAPE, HTH_UPDATE_SEQUENCE };

/* A preset is a name for a choice on each axis, and for the settings of those parts that make the
 * algorithm what it is; what a user gives counts more. */
enum { HTH_PRESET_SETTINGS = 7 };
typedef struct hth_preset {
    hth_part part;
    const char *signal, *recurrence, *past, *future;
    hth_default_steps steps;
    const char *settings[HTH_PRESET_SETTINGS][2]; /* key, value; until the first without a key */
} hth_preset;

const hth_preset *hth_preset_at(size_t index); /* presets.c */

/* One or several choices on an axis, or on all `others` of it; "window": learner.window > 0. */
enum { HTH_MOST_NAMES = 6 };
typedef struct hth_choice {
    const char *axis;
    const char *names[HTH_MOST_NAMES]; /* until the first that is NULL */
    bool others;
} hth_choice;

/* A combination that has no meaning: `of` cannot be `when`, with `with`, without `without`. Members that are NULL or
 * without an axis say nothing. The numbers of rules, as printed, are 1 + index. */
struct hth_learner;
typedef struct hth_rule {
    hth_choice of, with, without;
    const char *when;                              /* `where` in words */
    bool (*where)(const struct hth_learner *plan); /* of the network and of settings */
    const char *why; /* with what to set instead: a sentence after "x = y: " */
} hth_rule;

/* NULL: there are not so many. */
const hth_rule *hth_rule_at(size_t index); /* rules.c */

/* What the chosen preset says of a key "learner.x", or NULL. */
const char *hth_preset_says(const hth_settings *settings, const char *key);

/* The setting of the rate by which a part of a learner learns weights of its own ("learner.sg_lr"), written to
 * out[size]; false: no part does. *sound: whether these weights are finite, and below 1000 or the network's largest
 * parameter in size. */
bool hth_learner_rate(hth_learner *learner, char *out, size_t size, bool *sound); /* rates.c */

#endif
