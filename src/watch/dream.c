/* Dreams: see dream.h. A token is drawn with a number that depends on seed and step alone. */
#include "watch/dream.h"

#include "session/say.h"

#include <stdlib.h>
#include <string.h>

struct hth_dream {
    hth_recorder *recorder;
    double temperature;
    uint64_t seed, step;
    hth_way way;
    size_t outputs;
    hth_real *said; /* [outputs] of the last step */
    hth_real *out;  /* [outputs], what is handed out */
    char text[128];
};

/* How the dream is fed; HTH_INVALID where it cannot be. */
static hth_status choose_way(hth_dream *d, const char *run, hth_error *error) {
    const hth_shape s = hth_recorder_shape(d->recorder).stream;
    const char *strays = hth_recorder_strays(d->recorder);
    d->outputs = s.outputs;
    d->way = hth_recorder_feeds_back(d->recorder) ? HTH_WAY_FEEDBACK : hth_way_of(&s);
    if (d->way == HTH_WAY_NONE)
        return hth_fail(error, HTH_INVALID,
                        "%s: what the network says cannot be its next input: it has %zu outputs"
                        "%s, but reads %zu %s; it takes a text, a series whose target is its own "
                        "next step, or readout.feedback = true",
                        run, s.outputs, s.target == HTH_TARGET_VALUES ? " that are values" : "",
                        s.vocabulary ? s.vocabulary : s.inputs,
                        s.vocabulary ? "kinds of token" : "numbers");
    if (d->way == HTH_WAY_VALUES && strays)
        return hth_fail(error, HTH_INVALID, "%s: what the network says is not its next input: %s",
                        run, strays);
    return HTH_OK;
}

/* The network reads the data, until the sequence ends or it has read enough. */
static hth_status prime(hth_dream *d, uint64_t steps, hth_error *error) {
    hth_instant now = {0};
    if (d->way != HTH_WAY_FEEDBACK && steps == 0)
        return hth_fail(error, HTH_INVALID,
                        "the network must read one step at least before it goes on by itself");
    for (uint64_t k = 0; k < steps && !now.ends; k++) {
        HTH_TRY(hth_recorder_next(d->recorder, &now, error));
        memcpy(d->said, now.outputs, d->outputs * sizeof *d->said);
    }
    return HTH_OK;
}

hth_status hth_dream_open(const hth_dream_plan *plan, hth_dream **out, hth_error *error) {
    hth_dream *d = calloc(1, sizeof *d);
    if (!d) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a dream");
    d->temperature = plan->temperature;
    d->seed = plan->seed;
    hth_status status = hth_recorder_open(&plan->of, &d->recorder, error);
    if (status == HTH_OK) status = choose_way(d, plan->of.run, error);
    if (status == HTH_OK) {
        d->said = calloc(d->outputs, sizeof *d->said);
        d->out = calloc(d->outputs, sizeof *d->out);
        if (!d->said || !d->out)
            status = hth_fail(error, HTH_NO_MEMORY, "not enough memory for a dream");
    }
    if (status == HTH_OK) status = prime(d, plan->prime, error);
    if (status != HTH_OK) {
        hth_dream_close(d);
        return status;
    }
    *out = d;
    return HTH_OK;
}

void hth_dream_close(hth_dream *d) {
    if (!d) return;
    hth_recorder_close(d->recorder);
    free(d->said);
    free(d->out);
    free(d);
}

/* ---- A step ---- */

/* The network takes a step: over its data, or over what it said. */
static hth_status advance(hth_dream *d, int32_t token, hth_error *error) {
    const hth_real *y;
    if (d->way == HTH_WAY_FEEDBACK) {
        hth_instant now;
        HTH_TRY(hth_recorder_next(d->recorder, &now, error));
        y = now.outputs;
    } else {
        HTH_TRY(hth_recorder_say(d->recorder, d->said, token, &y, error));
    }
    memcpy(d->said, y, d->outputs * sizeof *d->said);
    return HTH_OK;
}

hth_status hth_dream_next(hth_dream *d, hth_dreamt *out, hth_error *error) {
    const hth_random random = {d->seed, HTH_RANDOM_DREAM, 0};
    const int32_t token =
        d->way == HTH_WAY_TOKENS
            ? hth_draw_token(d->said, d->outputs, d->temperature, &random, d->step)
            : -1;
    d->text[0] = '\0';
    if (token >= 0) hth_recorder_spell(d->recorder, token, d->text, sizeof d->text);
    /* What is said by the steps before; where outputs are fed back inside, at this step. */
    memcpy(d->out, d->said, d->outputs * sizeof *d->out);
    HTH_TRY(advance(d, token, error));
    if (d->way == HTH_WAY_FEEDBACK) memcpy(d->out, d->said, d->outputs * sizeof *d->out);
    *out = (hth_dreamt){
        .step = d->step++, .outputs = d->out, .count = d->outputs, .token = token, .text = d->text};
    return HTH_OK;
}

size_t hth_dream_state(hth_dream *d, hth_field *fields, size_t capacity) {
    const hth_field own[] = {{"dream.step", HTH_DTYPE_U64, 1, &d->step, {0}},
                             {"dream.said", HTH_DTYPE_REAL, d->outputs, d->said, {0}}};
    for (size_t i = 0; i < HTH_COUNT(own) && i < capacity; i++) fields[i] = own[i];
    const size_t used = HTH_COUNT(own) < capacity ? HTH_COUNT(own) : capacity;
    return HTH_COUNT(own) +
           hth_recorder_carried(d->recorder, fields ? fields + used : NULL, capacity - used);
}
