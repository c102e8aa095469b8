/* Opening a session of episodes: see outer.h. */
#include "session/outer.h"

#include "files/clock.h"
#include "network/inspect.h"
#include "session/importance.h"

#include <stdlib.h>
#include <string.h>

/* ---- Handles -------------------------------------------------------------------------------- */

/* The networks, with the weights that the data bring. */
static hth_status open_networks(const hth_settings *settings, hth_session *s, hth_error *error) {
    hth_outer *o = s->outer;
    const uint64_t seed = (uint64_t)s->options.seed;
    HTH_TRY(hth_compute_create((int)s->options.threads, NULL, &s->parts.compute, error));
    HTH_TRY(hth_network_create(settings, &s->train.shape, seed, NULL, &s->parts.network, error));
    HTH_TRY(hth_given_apply(&s->train, "", s->parts.network, error));
    HTH_TRY(hth_module_network(settings, s->parts.network, o->told, seed, NULL, &o->module, error));
    return hth_given_apply(&s->train, "module_", o->module, error);
}

static hth_status open_learning(const hth_settings *settings, hth_session *s, hth_error *error) {
    hth_outer *o = s->outer;
    hth_model_parts *p = &s->parts;
    const hth_episode_plan plan = {.settings = settings,
                                   .main = p->network,
                                   .module = o->module,
                                   .targets = o->told,
                                   .steps = o->steps,
                                   .batch = o->tasks,
                                   .seed = (uint64_t)s->options.seed,
                                   .memory = hth_machine_memory()};
    HTH_TRY(hth_episodes_create(&plan, p->compute, NULL, &o->episodes, error));
    HTH_TRY(hth_gradient_create(p->network, NULL, &p->gradient, error));
    HTH_TRY(hth_gradient_create(o->module, NULL, &o->gradient, error));
    HTH_TRY(hth_optimiser_create(settings, p->network, p->compute, NULL, &p->optimiser, error));
    return hth_optimiser_create(settings, o->module, p->compute, NULL, &o->optimiser, error);
}

static hth_status take_arrays(hth_outer *o, hth_error *error) {
    const size_t rows = hth_times(o->steps, o->tasks);
    const struct {
        hth_real **array;
        size_t width;
    } all[] = {{&o->x, o->inputs},       {&o->test_x, o->inputs},     {&o->target, o->told},
               {&o->wanted, o->outputs}, {&o->wanted_place, o->told}, {&o->y, o->outputs},
               {&o->place, o->told},     {&o->errors, o->outputs},    {&o->pull, o->told},
               {&o->weight, 1}};
    for (size_t i = 0; i < HTH_COUNT(all); i++) {
        *all[i].array = calloc(rows, hth_times(all[i].width, sizeof(hth_real)));
        if (!*all[i].array)
            return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a batch of %zu tasks",
                            o->tasks);
    }
    return HTH_OK;
}

/* ---- The session ---------------------------------------------------------------------------- */

static hth_status open_all(const hth_settings *settings, hth_split split, hth_session *s,
                           hth_error *error) {
    hth_outer *o = s->outer = calloc(1, sizeof *o);
    if (!o) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a session");
    HTH_TRY(hth_episode_options_read(settings, &o->options, error));
    HTH_TRY(hth_session_open_stream(settings, split, o->options.trials == HTH_TRIALS_PAIRS ? 2 : 1,
                                    s, error));
    HTH_TRY(hth_outer_check(settings, s, error));
    o->steps = s->steps = (size_t)s->train.sequence_steps;
    o->tasks = s->batch;
    o->inputs = s->train.shape.inputs;
    o->outputs = s->train.shape.outputs;
    o->body = s->train.kind->body;
    o->told = o->body ? o->body->places : o->outputs;
    HTH_TRY(open_networks(settings, s, error));
    HTH_TRY(open_learning(settings, s, error));
    HTH_TRY(hth_importance_check_episodes(s, error));
    HTH_TRY(take_arrays(o, error));
    s->metric.kind = hth_metric_find("place");
    return hth_moments_create(&s->train.shape, &s->moments, error);
}

hth_status hth_outer_open(const hth_settings *settings, hth_split split, hth_session *out,
                          hth_error *error) {
    hth_session session = {0};
    const hth_status status = open_all(settings, split, &session, error);
    if (status == HTH_OK)
        *out = session;
    else
        hth_session_close(&session);
    return status;
}

hth_status hth_outer_source(const hth_settings *settings, const hth_session *s, hth_split split,
                            hth_source *out, hth_error *error) {
    const size_t trials = s->outer->options.trials == HTH_TRIALS_PAIRS ? 2 : 1;
    return hth_source_open(settings, split, trials * s->outer->tasks, (uint64_t)s->options.seed,
                           out, error);
}

void hth_outer_close(hth_session *s) {
    hth_outer *o = s->outer;
    if (!o) return;
    hth_episodes_destroy(o->episodes);
    hth_optimiser_destroy(o->optimiser);
    hth_gradient_destroy(o->gradient);
    hth_network_destroy(o->module);
    hth_optimiser_destroy(s->parts.optimiser);
    hth_gradient_destroy(s->parts.gradient);
    hth_network_destroy(s->parts.network);
    hth_compute_destroy(s->parts.compute);
    free(o->x), free(o->test_x), free(o->target), free(o->wanted), free(o->wanted_place);
    free(o->y), free(o->place), free(o->errors), free(o->pull), free(o->weight);
    free(o);
}
