/*
 * Phases: tasks that one network learns one after the other. A phase is a set of settings over those of the file, as an
 * arm of a comparison is:
 *
 *     phases:
 *       digits:   {train.epochs: 3}
 *       shuffled: {view.permute: 1, train.epochs: 3}
 *
 * In the list of settings those of a phase have its name before them: "phases.shuffled.view.permute". Phases come in
 * the order of their first settings.
 */
#ifndef HTH_PHASES_H
#define HTH_PHASES_H

#include "settings/config.h"

enum { HTH_PHASE_LENGTH = 25, HTH_MOST_PHASES = 100 };

/* The section phases. */
typedef struct hth_phases_options {
    bool reset_optimiser, joint;
    const char *look_at;
    int64_t number;
} hth_phases_options;

extern const hth_catalogue hth_phases_section;

/* The setting within a phase: "view.permute" of "phases.shuffled.view.permute", with the phase's name in
 * label[HTH_PHASE_LENGTH]. NULL for settings that are of no phase, and for names that are too long. */
const char *hth_phase_key(const char *key, char label[HTH_PHASE_LENGTH]);
/* Lists the names of the phases and returns how many there are. */
size_t hth_phases(const hth_settings *settings, char labels[HTH_MOST_PHASES][HTH_PHASE_LENGTH]);
/* Whether the settings have phases. */
bool hth_has_phases(const hth_settings *settings);
/* The settings of one phase: those that are of no phase, then its own, without its name, and its number. The
 * caller frees `items`; the texts are those of `settings`. HTH_INVALID where there is no such phase, HTH_NO_MEMORY. */
typedef struct hth_phase_list {
    hth_settings settings;
    hth_setting *items;
} hth_phase_list;
hth_status hth_phase_settings(const hth_settings *settings, const char *label, hth_phase_list *out,
                              hth_error *error);
/* Whether the settings are those of one phase, as hth_phase_settings makes them. */
bool hth_in_phase(const hth_settings *settings);
/* The settings of a run that learns all phases together: those of the first phase, and behind them all others as they
 * are. */
hth_status hth_phase_settings_joint(const hth_settings *settings, hth_phase_list *out,
                                    hth_error *error);
/* *index: the phase with this name; "": the last. HTH_INVALID when there is none. */
hth_status hth_phase_find(const hth_settings *settings, const char *name, size_t *index,
                          hth_error *error);
/* HTH_INVALID unless a name is made of letters, digits, - and _, not too long, and none of the settings of the section
 * phases. */
hth_status hth_phase_check_name(const char *key, const char *origin, hth_error *error);
/* Adds the name of the phase to the sentence of an error, which keeps its status. */
hth_status hth_phase_annotate(hth_status status, const char *label, hth_error *error);
/* HTH_INVALID when a phase sets what holds for all: network, learner, optimiser, seed, batch and so on. */
hth_status hth_phase_check_key(const hth_setting *setting, hth_error *error);
/* Settings behind the first `count` hold for all phases: also for those that set the same otherwise, but behind the
 * first `count` too. */
hth_status hth_config_prevail(hth_config *config, size_t count, hth_error *error);
/* Replaces the settings of a config by those of the phase that phases.look_at names, or the last. Does nothing where
 * there are no phases. */
hth_status hth_config_enter_phase(hth_config *config, hth_error *error);

#endif
