/*
 * The room that sees everything: settings become a run, a run becomes a directory.
 *
 *   config.c      settings from a YAML file and key=value texts; validation against all catalogues
 *   session.c     the handles of one run: streams, network, tape, learner, optimiser
 *   train.c       the training loop; train_progress.c, train_report.c: what it tells and writes
 *   checkpoint.c  saving and resuming, over safetensors.c
 *   check.c       every gradient against finite differences and against BPTT
 *   compare.c     many runs side by side, over store.c
 *
 * Nothing here prints: what there is to tell goes to an observer.
 */
#ifndef HTH_EXPERIMENT_H
#define HTH_EXPERIMENT_H

#include "base/options.h"

#include <signal.h>

/* ---- Settings ---------------------------------------------------------------------------- */

/* Owns the texts of settings. Keys are "section.name"; a bare section ("task=add") means
 * "section.name" for the choice of a part. */
typedef struct hth_config hth_config;

hth_status hth_config_create(hth_config **out, hth_error *error);
void hth_config_destroy(hth_config *config);
/* YAML mappings of scalars and lists of scalars; messages say file:line. */
hth_status hth_config_load(hth_config *config, const char *path, hth_error *error);
/* "key=value", as typed on the command line. */
hth_status hth_config_override(hth_config *config, const char *assignment, hth_error *error);
hth_status hth_config_set(hth_config *config, const char *key, const char *value,
                          const char *origin, hth_error *error);
hth_settings hth_config_settings(const hth_config *config); /* valid until the next change */
/* Every key is known, belongs to a chosen part, and every value has its type and bounds. */
hth_status hth_config_validate(const hth_config *config, hth_error *error);
/* The full settings, defaults included, as YAML that loads back to the same. */
hth_status hth_config_write(const hth_config *config, const char *path, hth_error *error);

/* All sections in the order in which pages and files show them: network, cell, ..., train. */
const hth_catalogue *const *hth_catalogues(size_t *count);

extern const hth_catalogue hth_train_section; /* train.* */
extern const hth_catalogue hth_conventions;   /* conventions.name */

/* What conventions of that name stand for, keys in order; returns how many settings, 0 for an unknown name. The texts
 * are constants. Such settings count less than those that are given. */
enum { HTH_MOST_CONVENTIONS = 24 };
size_t hth_conventions_of(const char *name, hth_setting out[HTH_MOST_CONVENTIONS]);

/* ---- Training ---------------------------------------------------------------------------- */

typedef struct hth_progress {
    uint64_t step, steps_total;                /* time steps per item so far; 0: no end known */
    uint64_t epoch, epochs_total;              /* from 1; 0: no epochs */
    double train_loss, train_metric;           /* since the last report; NAN: none yet */
    double validation_loss, validation_metric; /* NAN: none yet */
    const char *metric; /* what the metric is: "perplexity", "accuracy", ... */
    double spike_rate; /* spikes per unit and step since the last report; NAN: units do not spike */
    double regulariser; /* E_reg of a tape, mean since the last report; NAN: no such term */
    double learning_rate;
    double seconds, steps_per_second, eta_seconds; /* seconds include those before a resume */
    size_t memory_bytes;                           /* peak resident set */
} hth_progress;

/* Called from the training thread. Either may be NULL. */
typedef struct hth_observer {
    void (*progress)(void *context, const hth_progress *progress); /* at least every second */
    void (*message)(void *context, const char *sentence);
    void *context;
    const volatile sig_atomic_t *interrupted; /* not 0: finish the step, save, return */
} hth_observer;

typedef enum hth_ending { HTH_FINISHED, HTH_INTERRUPTED } hth_ending;

/* Trains in the run directory `out`: settings.yaml, metrics.jsonl, checkpoint files, summary.json. A
 * directory that holds a run is refused unless resume is true. */
hth_status hth_train(const hth_config *config, const char *out, bool resume,
                     const hth_observer *observer, hth_ending *ending, hth_error *error);

/* Loss and metric of a checkpoint on a split, one pass (or train.validation_steps). */
typedef struct hth_score {
    double loss, metric;
    const char *metric_name;
    uint64_t steps;
} hth_score;
hth_status hth_evaluate(const char *run, const char *split, const hth_settings *overrides,
                        const hth_observer *observer, hth_score *score, hth_error *error);

/* ---- Check ------------------------------------------------------------------------------- */

/* One comparison of two gradients over one parameter block. */
typedef struct hth_check_row {
    const char *claim; /* "bptt = finite differences", "rtrl = bptt", ... */
    const char *block;
    double relative_error, cosine, tolerance; /* cosine NAN: both gradients are zero */
    double deviation; /* of one draw, relative, where the row is of a mean over draws; else NAN */
    bool passed;
} hth_check_row;

/* Reports rows as they come; warnings (silent or saturated network) through observer->message. `run` NULL: the network
 * as it is at first. Else a run directory, whose settings, and perhaps others of check., are the config's: parameters,
 * what the learner has learned, and the place in the data are those of its newest checkpoint, and the batch is its own. */
hth_status hth_check(const hth_config *config, const char *run, const hth_observer *observer,
                     void (*row)(void *context, const hth_check_row *row), void *context,
                     hth_error *error);

#endif
