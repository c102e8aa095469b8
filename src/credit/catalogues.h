/* The catalogues of the learner: presets and the four axes. */
#ifndef HTH_CREDIT_CATALOGUES_H
#define HTH_CREDIT_CATALOGUES_H

#include "base/options.h"

extern const hth_catalogue hth_learners; /* learner.name (presets) and learner.* */
extern const hth_catalogue hth_signals, hth_recurrences, hth_pasts, hth_futures;

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

/* The setting of the rate by which a part of a learner learns weights of its own ("learner.sg_lr"), written to out[size];
 * false: no part does. *sound: whether these weights are finite, and below 1000 or the network's largest parameter in
 * size. */
bool hth_learner_rate(hth_learner *learner, char *out, size_t size, bool *sound); /* rates.c */

#endif
