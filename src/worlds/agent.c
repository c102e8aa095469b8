/*
 * The agent makes a stream of a world. Its input at step t is
 *
 *     [what the world shows; one-hot of the action of t-1; reward of t-1; t / steps of an episode]
 *
 * of which agent.see_* leaves parts out; all but the first are 0 at the start of an episode. The network's outputs are
 * the logits of the actions and a value. The action is drawn from their softmax, with a Philox draw that seed, split,
 * item, episode and step decide, so that a run that resumes takes the same actions.
 *
 * The worlds of a batch go side by side. An episode of the stream ends when those of all its items have ended; the
 * steps of an item that has ended before have weight 0 and inputs 0.
 */
#include "worlds/agent.h"

#include "base/functions64.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Opening --------------------------------------------------------------------------------- */

void hth_agent_close(void *state) {
    hth_agent *a = state;
    if (!a) return;
    if (a->world->close)
        a->world->close(a->world_state);
    else
        free(a->world_state);
    free(a->memory);
    free(a->reward);
    free(a->gained);
    free(a->missed);
    free(a->action);
    free(a->over);
    free(a->x);
    free(a->targets);
    free(a->weights);
    free(a->events);
    free(a->rewards);
    free(a->values);
    free(a->advantages);
    free(a->features);
    hth_additive_destroy(&a->predictor);
    free(a);
}

static hth_status check(const hth_agent *a, hth_error *error) {
    if (a->batch == 0 || a->batch > UINT32_MAX / 3)
        return hth_fail(error, HTH_INVALID, "a batch of %zu worlds cannot be drawn", a->batch);
    if (a->inputs == 0)
        return hth_fail(error, HTH_INVALID,
                        "this world shows nothing, so the agent must see its last action, its last "
                        "reward or the time: set agent.see_action, see_reward or see_time");
    if (a->split == HTH_TRAIN && a->options.by_step && a->batch > 1)
        return hth_fail(error, HTH_INVALID,
                        "agent.name is ac-lambda and train.batch is %zu, but each world has a "
                        "surprise of its own: train.batch must be 1",
                        a->batch);
    return HTH_OK;
}

/* The arrays of the position. */
static hth_status make_room(hth_agent *a, hth_error *error) {
    const size_t n = a->batch;
    a->memory = calloc(hth_times(n, a->shape.memory + 1), sizeof *a->memory);
    a->reward = calloc(n, sizeof *a->reward);
    a->gained = calloc(n, sizeof *a->gained);
    a->missed = calloc(n, sizeof *a->missed);
    a->action = calloc(n, sizeof *a->action);
    a->over = calloc(n, sizeof *a->over);
    if (a->memory && a->reward && a->gained && a->missed && a->action && a->over) return HTH_OK;
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory for %zu worlds", n);
}

/* A new episode: the agent has done nothing yet. */
static void clear(hth_agent *a) {
    const size_t n = a->batch;
    a->step = a->begun = 0;
    memset(a->memory, 0, n * a->shape.memory * sizeof *a->memory);
    memset(a->reward, 0, n * sizeof *a->reward);
    memset(a->gained, 0, n * sizeof *a->gained);
    memset(a->missed, 0, n * sizeof *a->missed);
    memset(a->over, 0, n * sizeof *a->over);
    for (size_t b = 0; b < n; b++) a->action[b] = HTH_NO_ACTION;
}

hth_status hth_world_read(const hth_stream_context *context, const hth_options *options,
                          size_t size, void **state, hth_error *error) {
    void *read = malloc(size);
    if (!read) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a world's settings");
    const hth_status status = hth_options_read(options, context->settings, read, error);
    if (status == HTH_OK)
        *state = read;
    else
        free(read);
    return status;
}

/* A feature for each action and number that is seen, and one more for each action. */
static hth_status open_predictor(hth_agent *a, hth_error *error) {
    enum { MOST = 2000 };
    const size_t features = a->shape.actions * (a->shape.inputs + 1);
    if (a->options.how != HTH_RETURN_REDISTRIBUTE || a->split != HTH_TRAIN) return HTH_OK;
    if (features <= MOST) return hth_additive_create(features, &a->predictor, error);
    return hth_fail(error, HTH_INVALID,
                    "agent.return is redistribute, whose predictor takes actions x (numbers seen + "
                    "1), at most %d, but here they are %zu",
                    MOST, features);
}

static hth_status open_into(hth_agent *a, const hth_stream_context *context, hth_error *error) {
    HTH_TRY(hth_agent_read(context->settings, &a->options, error));
    HTH_TRY(a->world->open(context, &a->world_state, &a->shape, error));
    a->inputs = a->shape.inputs + (a->options.see_action ? a->shape.actions : 0) +
                (a->options.see_reward ? 1 : 0) + (a->options.see_time ? 1 : 0);
    a->outputs = a->shape.actions + 1;
    HTH_TRY(check(a, error));
    HTH_TRY(make_room(a, error));
    HTH_TRY(open_predictor(a, error));
    clear(a);
    return HTH_OK;
}

hth_status hth_agent_open(const hth_world_kind *world, const hth_stream_context *context,
                          void **state, hth_shape *shape, hth_error *error) {
    hth_agent *a = calloc(1, sizeof *a);
    if (!a) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a world");
    *a = (hth_agent){.world = world,
                     .seed = hth_draws(context),
                     .split = context->split,
                     .batch = context->batch};
    const hth_status status = open_into(a, context, error);
    if (status != HTH_OK) {
        hth_agent_close(a);
        return status;
    }
    *state = a;
    *shape = (hth_shape){.inputs = a->inputs, .outputs = a->outputs, .target = HTH_TARGET_ACTIONS};
    return HTH_OK;
}

/* Makes an array longer; what it held stays. False without memory. */
#define GROW(array, count)                                                                         \
    ((longer = realloc(array, hth_times(count, sizeof *(array)))) != NULL &&                       \
     ((array) = longer, true))

/* Room for one step more, and the input after it. The arrays grow to the longest tape, in practice once or twice. */
static hth_status reserve(hth_agent *a, hth_error *error) {
    if (a->steps < a->capacity) return HTH_OK;
    const size_t more = a->capacity ? 2 * a->capacity : 16, items = hth_times(more, a->batch);
    const size_t features = a->predictor.features;
    void *longer;
    if (!GROW(a->x, hth_times(items + a->batch, a->inputs)) ||
        !GROW(a->targets, hth_times(items, a->outputs)) || !GROW(a->weights, items) ||
        !GROW(a->events, items) || !GROW(a->rewards, more) || !GROW(a->values, more + 1) ||
        !GROW(a->advantages, more) || (features && !GROW(a->features, hth_times(more, features))))
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for %zu steps of %zu worlds", more,
                        a->batch);
    a->capacity = more;
    return HTH_OK;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static hth_moment moment(const hth_agent *a, size_t item, hth_purpose purpose) {
    return (hth_moment){.state = a->world_state,
                        .random = {a->seed, purpose, (uint32_t)item * 3 + (uint32_t)a->split},
                        .episode = a->episode,
                        .step = a->step,
                        .item = item};
}

static double *memory_of(const hth_agent *a, size_t item) {
    return a->memory + item * a->shape.memory;
}

/* What a checkpoint says of the position may be anything. */
static hth_status check_position(const hth_agent *a, hth_error *error) {
    bool good = a->step < a->shape.steps;
    for (size_t b = 0; b < a->batch; b++)
        good = good && a->action[b] >= HTH_NO_ACTION && a->action[b] < (int32_t)a->shape.actions;
    if (good) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "the state of the world names step %llu of an episode of %llu, or an action "
                    "that there is not",
                    (unsigned long long)a->step, (unsigned long long)a->shape.steps);
}

/* The input of an item, all 0 where its episode is over. */
static void fill_input(const hth_agent *a, size_t item, hth_real *x) {
    const hth_moment at = moment(a, item, HTH_RANDOM_WORLD);
    memset(x, 0, a->inputs * sizeof *x);
    if (a->over[item]) return;
    a->world->observe(&at, memory_of(a, item), x);
    x += a->shape.inputs;
    if (a->options.see_action) {
        if (a->action[item] != HTH_NO_ACTION) x[a->action[item]] = 1;
        x += a->shape.actions;
    }
    if (a->options.see_reward) *x++ = (hth_real)(a->options.scale * a->reward[item]);
    if (a->options.see_time) *x = (hth_real)((double)a->step / (double)a->shape.steps);
}

static hth_status observe(void *state, const hth_real **x, bool *starts, hth_error *error) {
    hth_agent *a = state;
    HTH_TRY(reserve(a, error));
    HTH_TRY(check_position(a, error));
    /* The episode begins, once. */
    for (size_t b = 0; b < a->batch && !a->begun && a->world->begin; b++) {
        const hth_moment at = moment(a, b, HTH_RANDOM_WORLD);
        HTH_TRY(a->world->begin(&at, memory_of(a, b), error));
    }
    a->begun = 1;
    *starts = a->step == 0;
    if (a->steps == 0) a->is_first = a->step == 0;
    /* What each item sees. */
    hth_real *to = a->x + a->steps * a->batch * a->inputs;
    for (size_t b = 0; b < a->batch; b++) fill_input(a, b, to + b * a->inputs);
    *x = to;
    return HTH_OK;
}

/* Draws an action from softmax(y), or takes the largest; without y all are alike. taken: that one, where there is one.
 * */
static int32_t choose(const hth_agent *a, size_t item, int32_t taken, const hth_real *y,
                      double *log_chance) {
    const size_t actions = a->shape.actions;
    const hth_moment at = moment(a, item, HTH_RANDOM_AGENT);
    const double u = hth_world_draw(&at, 0);
    *log_chance = -hth_log64((double)actions);
    if (!y) return taken != HTH_NO_ACTION ? taken : (int32_t)(u * (double)actions);
    /* The normaliser. */
    size_t best = 0, chosen = 0;
    double sum = 0, below = 0;
    for (size_t k = 1; k < actions; k++) best = y[k] > y[best] ? k : best;
    for (size_t k = 0; k < actions; k++) sum += hth_exp64((double)y[k] - (double)y[best]);
    /* The first action whose cumulated probability exceeds u. */
    for (; chosen + 1 < actions; chosen++) {
        below += hth_exp64((double)y[chosen] - (double)y[best]);
        if (u * sum < below) break;
    }
    if (a->options.greedy && a->split != HTH_TRAIN) chosen = best;
    if (taken != HTH_NO_ACTION) chosen = (size_t)taken;
    *log_chance = (double)y[chosen] - (double)y[best] - hth_log64(sum);
    return (int32_t)chosen;
}

/* The item's episode has ended: its sums go to the outcomes. */
static void end_item(hth_agent *a, size_t item) {
    a->over[item] = 1;
    a->outcomes.episodes += 1;
    a->outcomes.rewards += a->gained[item];
    a->outcomes.missed += a->missed[item];
    a->outcomes.steps += (double)(a->step + 1);
}

/* One item acts. */
static hth_status act_item(hth_agent *a, size_t item, const hth_real *y, hth_error *error) {
    const hth_moment at = moment(a, item, HTH_RANDOM_WORLD);
    hth_event *event = &a->events[a->steps * a->batch + item];
    hth_reply reply = {0};
    *event = (hth_event){.action = HTH_NO_ACTION, .is_over = a->over[item]};
    if (event->is_over) return HTH_OK;
    /* Choose and act. */
    double *memory = memory_of(a, item);
    const bool counts = !a->world->asks || a->world->asks(&at, memory);
    const int32_t taken = a->world->taken ? (int32_t)a->world->taken(&at, memory) : HTH_NO_ACTION;
    const int32_t action = choose(a, item, taken, y, &event->log_chance);
    HTH_TRY(a->world->act(&at, memory, (size_t)action, &reply, error));
    /* Note what came of it. */
    event->value = y ? (double)y[a->shape.actions] : 0;
    event->reward = a->options.scale * reply.reward;
    if (counts) event->action = action;
    a->action[item] = event->action;
    a->reward[item] = reply.reward;
    a->gained[item] += reply.reward;
    a->missed[item] += a->shape.knows_best ? reply.missed : (double)NAN;
    if (reply.ends || a->step + 1 >= a->shape.steps) end_item(a, item);
    return HTH_OK;
}

static hth_status act(void *state, const hth_real *outputs, bool *ends, hth_error *error) {
    hth_agent *a = state;
    *ends = true;
    for (size_t b = 0; b < a->batch; b++) {
        HTH_TRY(act_item(a, b, outputs ? outputs + b * a->outputs : NULL, error));
        *ends = *ends && a->over[b];
    }
    a->steps++;
    a->step++;
    if (!*ends) return HTH_OK;
    /* The next episode; that the last one is over stays to be seen by look_back through `after`. */
    a->episode++;
    clear(a);
    return HTH_OK;
}

static void look_back(void *state, const hth_real *after, double entropy,
                      const hth_memory_reads *reads, hth_lookback *out) {
    hth_agent *a = state;
    hth_agent_return(a, after, entropy, reads, out);
    a->steps = 0;
}

/* ---- The stream ------------------------------------------------------------------------------ */

hth_status hth_agent_next(void *state, size_t max_steps, hth_chunk *chunk,
                          hth_position_flags *flags, hth_error *error) {
    hth_agent *a = state;
    hth_lookback back;
    const hth_real *x;
    bool ends = false;
    *flags = (hth_position_flags){.starts = a->step == 0};
    for (size_t t = 0; t < max_steps && !ends; t++) {
        bool starts;
        HTH_TRY(observe(a, &x, &starts, error));
        HTH_TRY(act(a, NULL, &ends, error));
    }
    flags->ends = ends;
    look_back(a, NULL, 0, NULL, &back);
    *chunk = back.chunk;
    return HTH_OK;
}

size_t hth_agent_state(void *state, hth_field *fields, size_t capacity) {
    hth_agent *a = state;
    const hth_additive *p = &a->predictor;
    const size_t n = a->batch;
    const hth_field all[] = {
        {"episode", HTH_DTYPE_U64, 1, &a->episode, {0}},
        {"step", HTH_DTYPE_U64, 1, &a->step, {0}},
        {"begun", HTH_DTYPE_U64, 1, &a->begun, {0}},
        {"action", HTH_DTYPE_I32, n, a->action, {0}},
        {"over", HTH_DTYPE_I32, n, a->over, {0}},
        {"reward", HTH_DTYPE_F64, n, a->reward, {0}},
        {"gained", HTH_DTYPE_F64, n, a->gained, {0}},
        {"missed", HTH_DTYPE_F64, n, a->missed, {0}},
        {"memory", HTH_DTYPE_F64, n * a->shape.memory, a->memory, {0}},
        {"predictor", HTH_DTYPE_F64, p->features, p->w, {0}},
        {"uncertainty", HTH_DTYPE_F64, p->features * p->features, p->P, {0}},
    };
    size_t count = 0;
    for (size_t i = 0; i < HTH_COUNT(all); i++) {
        if (all[i].count == 0) continue;
        if (count < capacity) fields[count] = all[i];
        count++;
    }
    a->steps = 0; /* a position that is restored has no steps at hand */
    return count;
}

void hth_agent_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    const hth_agent *a = state;
    *sequence_steps = a->shape.steps;
    *epoch_steps = 0;
}

size_t hth_agent_given(const void *state, hth_given *out, size_t capacity) {
    const hth_agent *a = state;
    return a->world->given ? a->world->given(a->world_state, out, capacity) : 0;
}

static double fading(const void *state) {
    const hth_agent *a = state;
    const hth_agent_options *o = &a->options;
    return o->by_step ? o->gamma * o->lambda : (double)NAN;
}

static void tell(void *state, hth_outcomes *outcomes) {
    hth_agent *a = state;
    outcomes->episodes += a->outcomes.episodes;
    outcomes->rewards += a->outcomes.rewards;
    outcomes->missed += a->outcomes.missed;
    outcomes->steps += a->outcomes.steps;
    a->outcomes = (hth_outcomes){0};
}

static hth_wholeness needs(const void *state) {
    const hth_agent *a = state;
    /* Only training changes rewards. */
    if (a->options.by_step || a->options.how == HTH_RETURN_DISCOUNTED || a->split != HTH_TRAIN)
        return HTH_ANY_TAPES;
    if (a->options.how != HTH_RETURN_TRANSPORT) return HTH_WHOLE_TAPES;
    return a->options.sure == HTH_SURE_STRENGTH ? HTH_WHOLE_WITH_STRENGTHS : HTH_WHOLE_WITH_READS;
}

static bool knows_best(const void *state) {
    const hth_agent *a = state;
    return a->shape.knows_best;
}

const hth_answers hth_agent_answers = {.observe = observe,
                                       .act = act,
                                       .look_back = look_back,
                                       .fading = fading,
                                       .needs = needs,
                                       .tell = tell,
                                       .knows_best = knows_best};
