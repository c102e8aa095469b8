/* Makes a stream and a model from settings. course.c chooses how long tapes and runs are. */
#include "session/session.h"

#include "files/clock.h"
#include "network/inspect.h"
#include "session/along.h"
#include "session/course.h"
#include "session/outer.h"
#include "session/replay.h"
#include "session/score.h"
#include "session/shares.h"

#include <stdlib.h>

/* ---- The model ---------------------------------------------------------------------------- */

/* An allocator that refuses more than the machine's memory. Without it the system would end the program later, when it
 * writes to a model that is too large. */
typedef struct guard {
    size_t most, refused;
} guard;

static void *take(void *context, size_t bytes) {
    guard *g = context;
    if (bytes <= g->most) return malloc(bytes);
    g->refused = bytes;
    return NULL;
}

static void release(void *context, void *memory) {
    (void)context; /* the guard no longer exists */
    free(memory);
}

/* HTH_NO_MEMORY with the sizes of the model, if the guard refused it. */
static hth_status too_large(const hth_model_plan *plan, const guard *g, hth_error *error) {
    const double gib = 1024.0 * 1024 * 1024;
    hth_model_sizes sizes;
    if (!g->refused || hth_model_bytes(plan, NULL, &sizes, NULL) != HTH_OK) return HTH_NO_MEMORY;
    return hth_fail(error, HTH_NO_MEMORY,
                    "the model would take %.1f GiB, %.1f of them for the learner and %.1f for the "
                    "tape, but this machine has %.3g: take fewer units, a smaller train.batch or "
                    "another learner ('hitherto list --cost' shows what each takes)",
                    (double)sizes.total / gib, (double)sizes.learner / gib,
                    (double)sizes.tape / gib, (double)g->most / gib);
}

/* hth_model_plan.initialise: parameters that the data bring. */
static hth_status use_given(void *source, hth_network *network, hth_error *error) {
    return hth_given_apply(source, NULL, network, error);
}

/* Makes the model for the session's stream. */
static hth_status open_model(const hth_settings *settings, bool only_predicts, hth_session *s,
                             hth_error *error) {
    guard limit = {.most = hth_machine_memory()};
    const hth_allocator from = {take, release, &limit};
    /* The settings, with class weights that the data bring. */
    hth_given_settings with;
    hth_status status = hth_given_settings_join(&s->train, settings, &with, error);
    const hth_model_plan plan = {.abi = HTH_ABI,
                                 .settings = with.settings,
                                 .shape = s->train.shape,
                                 .seed = (uint64_t)s->options.seed,
                                 .steps = s->steps,
                                 .batch = hth_shares_items(s),
                                 .threads = (int)s->options.threads,
                                 .late = s->train.kind->answers ? 1 : 0, /* room to look ahead */
                                 .only_predicts = only_predicts,
                                 .checked = true,
                                 .initialise = use_given,
                                 .context = &s->train};
    /* Make the model; its settings are not needed afterwards. */
    if (status == HTH_OK) status = hth_model_create(&plan, &from, &s->model, error);
    if (status == HTH_NO_MEMORY) status = too_large(&plan, &limit, error);
    free(with.items);
    free(with.text);
    HTH_TRY(status);
    s->parts = *hth_model_parts_of(s->model);
    return HTH_OK;
}

/* Makes the guest if the settings ask for one. HTH_INVALID when they do and there is no `kind`. */
static hth_status open_guest(const hth_settings *settings, const hth_guest_kind *kind,
                             hth_session *s, hth_error *error) {
    const hth_train_options *o = &s->options;
    if (o->align && o->interference)
        return hth_fail(error, HTH_INVALID,
                        "train.align and train.interference are both set, but one guest at a time "
                        "looks on: set one of them to 0");
    for (const hth_guest_kind *k = kind; k && !s->guest.state; k = k->next) {
        HTH_TRY(k->open(settings, s, &s->guest.state, error));
        if (s->guest.state) s->guest.kind = k;
    }
    if (kind || (o->align == 0 && o->interference == 0)) return HTH_OK;
    if (o->interference)
        return hth_fail(error, HTH_INVALID,
                        "train.interference is %lld, but here nothing looks on along a run: it "
                        "must be 0",
                        (long long)o->interference);
    return hth_fail(error, HTH_INVALID,
                    "train.align is %lld, but here nothing looks on that compares learners along a "
                    "run: it must be 0",
                    (long long)s->options.align);
}

/* ---- Opening and closing ------------------------------------------------------------------ */

/* Opens a session for training, in order: options, data, lengths, model, guest. Cheap checks come before the model is
 * made. */
static hth_status open_all(const hth_settings *settings, const hth_guest_kind *guest,
                           const hth_ranks *ranks, hth_session *s, hth_error *error) {
    HTH_TRY(hth_session_open_course(settings, s, error));
    HTH_TRY(hth_shares_plan(s, ranks, error));
    HTH_TRY(open_model(settings, false, s, error));
    HTH_TRY(hth_session_check_course(settings, s, error));
    HTH_TRY(hth_given_feedback(&s->train, s->parts.learner, error));
    HTH_TRY(hth_replayer_open(settings, s, &s->replayer, error));
    HTH_TRY(hth_shares_open(settings, s, error));
    HTH_TRY(hth_along_open(s, &s->along, error));
    return open_guest(settings, guest, s, error);
}

/* Opens a session for a forward pass over a split. */
static hth_status open_forward(const hth_settings *settings, hth_split split, hth_session *s,
                               hth_error *error) {
    hth_stack stack;
    HTH_TRY(hth_session_read_options(settings, &s->options, error));
    s->batch = hth_scoring_batch(&s->options);
    HTH_TRY(hth_session_open_data(settings, split, s, error));
    HTH_TRY(hth_stack_read(settings, &stack, error));
    s->steps = hth_scoring_steps(0, stack.backward, &s->train);
    HTH_TRY(open_model(settings, true, s, error));
    return hth_session_open_metric(settings, s, error);
}

/* Moves a complete session to *out; closes an incomplete one. */
static hth_status keep_or_close(hth_status status, hth_session *session, hth_session *out) {
    if (status == HTH_OK)
        *out = *session;
    else
        hth_session_close(session);
    return status;
}

hth_status hth_session_refuse_episodes(const hth_settings *settings, hth_error *error) {
    if (!hth_episodes_wanted(settings)) return HTH_OK;
    return hth_fail(
        error, HTH_INVALID,
        "learner.signal is module: such a run has episodes of training and test trials, "
        "'hitherto train' and 'eval' run them, and 'hitherto plot --trial RUN' draws one (--out "
        "FILE.svg) or writes its numbers (--csv FILE), but nothing else looks at them");
}

hth_status hth_session_open_among(const hth_settings *settings, const hth_guest_kind *guest,
                                  const hth_ranks *ranks, hth_session *out, hth_error *error) {
    hth_session session = {0};
    HTH_TRY(hth_session_refuse_episodes(settings, error));
    HTH_TRY(hth_outer_refuse_alone(settings, error));
    return keep_or_close(open_all(settings, guest, ranks, &session, error), &session, out);
}

hth_status hth_session_open(const hth_settings *settings, const hth_guest_kind *guest,
                            hth_session *out, hth_error *error) {
    return hth_session_open_among(settings, guest, &hth_ranks_alone, out, error);
}

hth_status hth_session_open_forward(const hth_settings *settings, hth_split split, hth_session *out,
                                    hth_error *error) {
    hth_session session = {0};
    HTH_TRY(hth_session_refuse_episodes(settings, error));
    return keep_or_close(open_forward(settings, split, &session, error), &session, out);
}

hth_walk hth_session_walk(hth_session *s, hth_tally *tally) {
    return (hth_walk){.source = &s->train,
                      .parts = s->parts,
                      .tally = tally,
                      .steps = s->steps,
                      .limit = s->steps_total,
                      .whole = hth_network_look(s->parts.network).is_whole,
                      .keep_state = s->options.keep_state,
                      .moments = &s->moments,
                      .shares = s->shares,
                      .update_sequence = s->update_sequence,
                      .batch = s->batch,
                      .by_step = s->by_step,
                      .fading = s->fading,
                      .guest = s->guest.kind ? &s->guest : NULL,
                      .replayer = s->replayer,
                      .along = s->along};
}

void hth_session_close(hth_session *s) {
    if (s->guest.kind) s->guest.kind->close(s->guest.state);
    hth_replayer_close(s->replayer);
    hth_along_close(s->along);
    hth_outer_close(s);
    hth_shares_close(s->shares);
    hth_model_destroy(s->model);
    hth_source_close(&s->train);
    hth_moments_destroy(&s->moments);
    hth_transfer_destroy(&s->transfer);
    *s = (hth_session){0};
}
