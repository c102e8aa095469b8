/*
 * From settings to handles: stream -> network -> tape -> learner -> gradient -> optimiser.
 *
 * Here it is decided how long a tape is (K): learner.steps, or the whole sequence when that is 0 or
 * the learner is bptt; and how long a run is.
 */
#include "experiment/session.h"
#include "credit/axes.h"
#include "credit/catalogues.h"
#include "network/network.h"

#include <math.h>
#include <string.h>

enum { UPDATE_TAPE, UPDATE_SEQUENCE };

/* ---- How long a tape is ------------------------------------------------------------------- */

/* K of tbptt when nothing is said: all of a sequence that is not too long, else that of the word model. */
enum { LONGEST_WHOLE = 1000, TRUNCATED = 20 };

static size_t whole_or_truncated(uint64_t whole) {
    return whole > 0 && whole <= LONGEST_WHOLE ? (size_t)whole : TRUNCATED;
}

hth_status hth_tape_steps(const hth_settings *settings, const hth_source *source, size_t *steps,
                          hth_error *error) {
    int64_t given;
    hth_axes axes;
    HTH_TRY(hth_common_option(&hth_learners, "steps", settings, &given, error));
    HTH_TRY(hth_axes_read(settings, &axes, error));
    const char *learner = axes.preset->part.name, *stream = source->kind->part.name;
    const uint64_t whole = source->sequence_steps;
    const bool wants_all = axes.preset->steps == HTH_WHOLE_SEQUENCE;
    if (wants_all && given > 0 && (uint64_t)given < whole)
        return hth_fail(
            error, HTH_INVALID,
            "learner.steps is %lld, but learner '%s' looks at the whole sequence, %llu steps "
            "of '%s': take learner=tbptt, or leave learner.steps out",
            (long long)given, learner, (unsigned long long)whole, stream);
    if (wants_all && given == 0 && whole == 0)
        return hth_fail(error, HTH_INVALID,
                        "the sequences of '%s' have no end, and learner '%s' wants the whole of "
                        "them: take learner=tbptt or learner=rtrl, or say with learner.steps how "
                        "many steps it looks at together",
                        stream, learner);
    if (given > 0)
        *steps = (size_t)given;
    else if (wants_all)
        *steps = (size_t)whole;
    else
        *steps = axes.preset->steps == HTH_TRUNCATED ? whole_or_truncated(whole) : 1;
    return HTH_OK;
}

static hth_status update_moment(const hth_settings *settings, const hth_source *source,
                                bool *sequence, hth_error *error) {
    int update = UPDATE_TAPE;
    HTH_TRY(hth_common_option(&hth_learners, "update", settings, &update, error));
    *sequence = update == UPDATE_SEQUENCE;
    if (*sequence && source->sequence_steps == 0)
        return hth_fail(error, HTH_INVALID,
                        "learner.update is 'sequence', but the sequences of '%s' have no end: it "
                        "must be 'tape'",
                        source->kind->part.name);
    return HTH_OK;
}

/* ---- How long a run is -------------------------------------------------------------------- */

static hth_status run_length(hth_session *s, hth_error *error) {
    enum { DEFAULT_STEPS = 100000, DEFAULT_EPOCHS = 10 };
    uint64_t epoch = s->train.epoch_steps;
    s->steps_total = (uint64_t)s->options.steps;
    s->epochs_total = (uint64_t)s->options.epochs;
    if (s->epochs_total && !epoch)
        return hth_fail(error, HTH_INVALID,
                        "train.epochs is %llu, but '%s' has no epochs: give train.steps instead",
                        (unsigned long long)s->epochs_total, s->train.kind->part.name);
    if (!s->steps_total && !s->epochs_total) {
        if (epoch)
            s->epochs_total = DEFAULT_EPOCHS;
        else
            s->steps_total = DEFAULT_STEPS;
    }
    return HTH_OK;
}

/* ---- The metric --------------------------------------------------------------------------- */

static const char *const metric_names[] = {"none", "auto", "perplexity", "accuracy", "bits"};

/* Why a metric has no meaning for the targets and the loss, or NULL. */
static const char *metric_objection(int kind, bool classes, const char *loss,
                                    const hth_settings *settings) {
    const hth_setting *unit = hth_settings_find(settings, "loss.unit");
    if (kind == HTH_METRIC_ACCURACY && !classes) return "the targets are values, not classes";
    if (kind == HTH_METRIC_PERPLEXITY && !(classes && strcmp(loss, "softmax") == 0))
        return "that needs class targets and loss.name softmax";
    if (kind == HTH_METRIC_BITS && strcmp(loss, "mse") == 0)
        return "that needs a cross-entropy, and loss.name is 'mse'";
    if (kind == HTH_METRIC_BITS && unit && strcmp(unit->value, "bits") == 0)
        return "the loss is in bits already (loss.unit)";
    return NULL;
}

static int automatic_metric(const hth_shape *shape, const char *loss) {
    if (shape->target != HTH_TARGET_CLASSES) return HTH_METRIC_NONE;
    if (shape->vocabulary && strcmp(loss, "softmax") == 0) return HTH_METRIC_PERPLEXITY;
    return HTH_METRIC_ACCURACY;
}

static hth_status choose_metric(const hth_settings *settings, hth_session *s, hth_error *error) {
    const hth_shape *shape = &s->train.shape;
    const char *loss = s->network->readout.loss->part.name;
    int kind = s->options.metric;
    if (kind == HTH_METRIC_AUTO) kind = automatic_metric(shape, loss);
    const char *objection =
        metric_objection(kind, shape->target == HTH_TARGET_CLASSES, loss, settings);
    if (objection)
        return hth_fail(error, HTH_INVALID, "train.metric is '%s', but %s", metric_names[kind],
                        objection);
    s->metric_kind = kind;
    s->metric = metric_names[kind];
    return HTH_OK;
}

double hth_metric_value(int metric_kind, const hth_report *report) {
    if (!(report->weight > 0)) return NAN;
    double mean = report->loss / report->weight;
    switch (metric_kind) {
    case HTH_METRIC_PERPLEXITY:
        return exp(mean);
    case HTH_METRIC_ACCURACY:
        return report->correct / report->weight;
    case HTH_METRIC_BITS:
        return mean / 0.69314718055994530942;
    default:
        return NAN;
    }
}

/* ---- Opening and closing ------------------------------------------------------------------ */

static hth_status read_options(const hth_settings *settings, hth_train_options *options,
                               hth_error *error) {
    static const char *const names[] = {"single", "double"};
    const int built = sizeof(hth_real) == sizeof(double);
    HTH_TRY(hth_options_read(&hth_train_section.common, settings, options, error));
    if (options->precision != built)
        return hth_fail(error, HTH_INVALID,
                        "train.precision is '%s', but this program computes in %s precision",
                        names[options->precision], names[built]);
    return HTH_OK;
}

/* Stream, compute and network. */
static hth_status open_network(const hth_settings *settings, hth_split split, size_t batch,
                               hth_session *s, hth_error *error) {
    const uint64_t seed = (uint64_t)s->options.seed;
    static const char *const splits[] = {"training", "validation", "test"};
    HTH_TRY(hth_source_open(settings, split, batch, seed, &s->train, error));
    if (!s->train.kind)
        return hth_fail(error, HTH_INVALID, "the settings of data name no %s data", splits[split]);
    HTH_TRY(hth_compute_create((int)s->options.threads, NULL, &s->compute, error));
    HTH_TRY(hth_network_create(settings, &s->train.shape, seed, NULL, &s->network, error));
    HTH_TRY(choose_metric(settings, s, error));
    return hth_given_apply(&s->train, s->network, error);
}

static hth_status open_all(const hth_settings *settings, hth_session *s, hth_error *error) {
    HTH_TRY(read_options(settings, &s->options, error));
    s->batch = (size_t)s->options.batch;
    HTH_TRY(open_network(settings, HTH_TRAIN, s->batch, s, error));
    HTH_TRY(run_length(s, error));
    HTH_TRY(hth_tape_steps(settings, &s->train, &s->steps, error));
    HTH_TRY(update_moment(settings, &s->train, &s->update_sequence, error));
    HTH_TRY(hth_tape_create(s->network, s->steps, s->batch, s->compute, NULL, &s->tape, error));
    HTH_TRY(hth_learner_create(settings, s->network, s->steps, s->batch, (uint64_t)s->options.seed,
                               s->compute, NULL, &s->learner, error));
    HTH_TRY(hth_gradient_create(s->network, NULL, &s->gradient, error));
    return hth_optimiser_create(settings, s->network, s->compute, NULL, &s->optimiser, error);
}

static hth_status open_forward(const hth_settings *settings, hth_split split, hth_session *s,
                               hth_error *error) {
    HTH_TRY(read_options(settings, &s->options, error));
    s->batch = hth_scoring_batch(&s->options);
    return open_network(settings, split, s->batch, s, error);
}

static hth_status keep_or_close(hth_status status, hth_session *session, hth_session *out) {
    if (status == HTH_OK)
        *out = *session;
    else
        hth_session_close(session);
    return status;
}

hth_status hth_session_open(const hth_settings *settings, hth_session *out, hth_error *error) {
    hth_session session = {0};
    return keep_or_close(open_all(settings, &session, error), &session, out);
}

hth_status hth_session_open_forward(const hth_settings *settings, hth_split split, hth_session *out,
                                    hth_error *error) {
    hth_session session = {0};
    return keep_or_close(open_forward(settings, split, &session, error), &session, out);
}

void hth_session_close(hth_session *s) {
    hth_optimiser_destroy(s->optimiser);
    hth_gradient_destroy(s->gradient);
    hth_learner_destroy(s->learner);
    hth_tape_destroy(s->tape);
    hth_network_destroy(s->network);
    hth_compute_destroy(s->compute);
    hth_source_close(&s->train);
    *s = (hth_session){0};
}
