/*
 * One-shot learning of movements (Bellec et al. 2019, task 2.1, eqs. 60-61): every sequence is another movement of an
 * arm with two joints. The outputs are the speeds of the joints, and move the tip of the arm,
 *
 *     phi_i(t) = phi_i(0) + sum_{t'<=t} y_i(t') dt                    phi(0) = (0, pi/2)
 *     place = length (cos phi_1 + cos(phi_1 + phi_2), sin phi_1 + sin(phi_1 + phi_2))
 *
 * Targets are speeds, sums of five sines of random amplitude, frequency and phase. The sines of joint 2 are scaled to
 * 20 rad/s from peak to peak. A joint that would turn by more than pi/2 either way moves slower, so that it does not
 * (limits phi_1 in -pi/2..pi/2, phi_2 in 0..pi). The frequency is U[0.3, 1] cycles a trial as the paper prints it; in
 * the authors' code that number divides, so that a trial has 1 to 3.3 cycles. The input is a clock, the same in every
 * sequence: groups of neurons fire one after the other, a spike at the first step of a group's time and then regularly.
 *
 * A movement is a function of seed, split, item and number of the sequence: the position is one number. Memory: one
 * sequence; cost per step: ten sines an item.
 */
#include "base/random.h"
#include "kernels/doubles.h"
#include "tasks/stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { JOINTS = 2, SINES = 5, PLACES = 2 };
enum { OMEGA_INVERSE, OMEGA_PRINTED };
#define PI 3.14159265358979323846

typedef struct arm_options {
    int64_t steps, inputs, groups;
    double dt, rate, length, amplitude;
    int omega;
} arm_options;

typedef struct arm_state {
    arm_options options;
    size_t batch;
    hth_split split;
    uint64_t seed, position; /* position: steps given so far */
    uint64_t drawn;          /* 1 + the sequence that the targets are of; 0: none */
    hth_real *x, *targets;   /* [steps][batch][inputs], [..][JOINTS] */
    double *speed;           /* [steps], scratch, as the rest: */
    double *turns;           /* [JOINTS][steps]: angles, */
    double *cosine, *sine;   /* and theirs */
} arm_state;

extern const hth_stream_kind hth_task_arm;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(arm_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(steps, .help = "steps of a movement", .fallback = "500", .kind = HTH_KIND_INTEGER,
           .min = 2, .max = 1e6),
    OPTION(dt, .help = "milliseconds of a step", .fallback = "1", .kind = HTH_KIND_REAL,
           .min = 1e-6, .max = 1e6),
    OPTION(inputs, .help = "input neurons, a multiple of task.groups (the authors' code: 10)",
           .fallback = "20", .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e5),
    OPTION(groups, .help = "groups of input neurons, which fire one after the other",
           .fallback = "5", .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e5),
    OPTION(rate, .help = "of an input neuron whose group fires, in Hz", .fallback = "100",
           .kind = HTH_KIND_REAL, .min = 1e-3, .max = 1e6),
    OPTION(length, .help = "of each of the two parts of the arm; not in the paper",
           .fallback = "0.5", .kind = HTH_KIND_REAL, .min = 1e-6, .max = 1e6),
    OPTION(amplitude, .help = "largest amplitude of a sine of joint 1, in rad/s", .fallback = "30",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1e6),
    OPTION(omega,
           .help =
               "the number U[0.3, 1] of a sine: inverse, it divides (the authors' code); printed, "
               "it is cycles a trial (eq. 60), and movements are half as fast",
           .fallback = "inverse", .kind = HTH_KIND_CHOICE,
           .choices = (const char *const[]){"inverse", "printed", NULL}),
};

/* ---- Drawing a movement --------------------------------------------------------------------- */

/* Draws of sine m of a joint: amplitude, frequency, phase. */
enum { AMPLITUDE, FREQUENCY, PHASE, DRAWS };

static double drawn(const hth_random *random, uint64_t sequence, size_t joint, size_t m,
                    size_t which) {
    return hth_random_uniform(random, ((sequence * JOINTS + joint) * SINES + m) * DRAWS + which);
}

/* Adds a sine to the speed of joint `joint`. */
static void add_sine(const arm_state *arm, const hth_random *random, uint64_t sequence,
                     size_t joint, size_t m, double *speed) {
    const arm_options *o = &arm->options;
    const size_t steps = (size_t)o->steps;
    const double number = 0.3 + 0.7 * drawn(random, sequence, joint, m, FREQUENCY);
    const double phase = drawn(random, sequence, joint, m, PHASE);
    const double cycles = o->omega == OMEGA_INVERSE ? 1 / number : number;
    const double all = o->omega == OMEGA_INVERSE ? (double)(steps - 1) : (double)steps;
    double amplitude = o->amplitude * drawn(random, sequence, joint, m, AMPLITUDE);
    double least = INFINITY, most = -INFINITY;
    for (size_t t = 0; t < steps; t++) arm->turns[t] = cycles * ((double)t / all) + phase;
    hth_turns64(steps, arm->turns, arm->cosine, arm->sine);
    /* The second joint's sines are of one size. */
    for (size_t t = 0; t < steps && joint == 1; t++) {
        least = arm->sine[t] < least ? arm->sine[t] : least;
        most = arm->sine[t] > most ? arm->sine[t] : most;
    }
    if (joint == 1) amplitude = most > least ? 20 / (most - least) : 0;
    for (size_t t = 0; t < steps; t++) speed[t] += amplitude * arm->sine[t];
}

/* The speed of one joint of an item; slower where it would turn by more than pi/2. */
static void draw_joint(arm_state *arm, uint64_t sequence, size_t b, size_t joint) {
    const size_t steps = (size_t)arm->options.steps;
    double *speed = arm->speed;
    const hth_random random = {arm->seed, HTH_RANDOM_TASK, (uint32_t)b * 3 + (uint32_t)arm->split};
    double turned = 0, furthest = 0;
    memset(speed, 0, steps * sizeof *speed);
    for (size_t m = 0; m < SINES; m++) add_sine(arm, &random, sequence, joint, m, speed);
    for (size_t t = 0; t < steps; t++) {
        turned += speed[t] * arm->options.dt / 1000;
        furthest = fabs(turned) > furthest ? fabs(turned) : furthest;
    }
    const double scale = furthest > PI / 2 ? PI / 2 / furthest : 1;
    for (size_t t = 0; t < steps; t++)
        arm->targets[(t * arm->batch + b) * JOINTS + joint] = (hth_real)(scale * speed[t]);
}

static void draw_sequence(arm_state *arm, uint64_t sequence) {
    for (size_t b = 0; b < arm->batch; b++)
        for (size_t joint = 0; joint < JOINTS; joint++) draw_joint(arm, sequence, b, joint);
    arm->drawn = sequence + 1;
}

/* The clock. */
static void fill_inputs(arm_state *arm) {
    const arm_options *o = &arm->options;
    const size_t steps = (size_t)o->steps, inputs = (size_t)o->inputs, groups = (size_t)o->groups;
    const double period = 1000 / (o->rate * o->dt);
    for (size_t t = 0; t < steps; t++)
        for (size_t i = 0; i < inputs; i++) {
            const size_t group = i / (inputs / groups), begin = group * steps / groups;
            const size_t end = (group + 1) * steps / groups;
            const double since = (double)(t - begin);
            const bool fires =
                t >= begin && t < end && floor(floor(since / period + 0.5) * period + 0.5) == since;
            for (size_t b = 0; b < arm->batch; b++)
                arm->x[(t * arm->batch + b) * inputs + i] = fires ? 1 : 0;
        }
}

/* ---- The body ------------------------------------------------------------------------------- */

/* Cosine and sine of phi_1, and of phi_1 + phi_2, of an item at all steps, from the speeds of the joints. */
static void find_angles(const arm_state *arm, size_t steps, size_t batch, size_t b,
                        const hth_real *outputs) {
    double turned[JOINTS] = {0};
    for (size_t t = 0; t < steps; t++) {
        const hth_real *y = outputs + (t * batch + b) * JOINTS;
        for (size_t i = 0; i < JOINTS; i++) turned[i] += (double)y[i] * arm->options.dt / 1000;
        arm->turns[t] = turned[0] / (2 * PI);
        arm->turns[steps + t] = 0.25 + (turned[0] + turned[1]) / (2 * PI);
    }
    hth_turns64(JOINTS * steps, arm->turns, arm->cosine, arm->sine);
}

static void arm_move(const void *state, size_t steps, size_t batch, const hth_real *outputs,
                     hth_real *places) {
    const arm_state *arm = state;
    const double length = arm->options.length, *cosine = arm->cosine, *sine = arm->sine;
    for (size_t b = 0; b < batch; b++) {
        find_angles(arm, steps, batch, b, outputs);
        for (size_t t = 0; t < steps; t++) {
            hth_real *place = places + (t * batch + b) * PLACES;
            place[0] = (hth_real)(length * (cosine[t] + cosine[steps + t]));
            place[1] = (hth_real)(length * (sine[t] + sine[steps + t]));
        }
    }
}

/* A speed bears on the places of all steps from its own on: dE/dy_i = dt sum_{t'>=t} dE/dphi_i. */
static void arm_yield(const void *state, size_t steps, size_t batch, const hth_real *outputs,
                      const hth_real *pull, hth_real *errors) {
    const arm_state *arm = state;
    const double length = arm->options.length, *cosine = arm->cosine, *sine = arm->sine;
    for (size_t b = 0; b < batch; b++) {
        double sum[JOINTS] = {0};
        find_angles(arm, steps, batch, b, outputs);
        for (size_t t = steps; t-- > 0;) {
            const size_t item = t * batch + b;
            const double x = (double)pull[item * PLACES], y = (double)pull[item * PLACES + 1];
            const double both = length * (y * cosine[steps + t] - x * sine[steps + t]);
            sum[0] += length * (y * cosine[t] - x * sine[t]) + both;
            sum[1] += both;
            for (size_t i = 0; i < JOINTS; i++)
                errors[item * JOINTS + i] += (hth_real)(sum[i] * arm->options.dt / 1000);
        }
    }
}

static const hth_body body = {.places = PLACES, .move = arm_move, .yield = arm_yield};

/* ---- The stream ----------------------------------------------------------------------------- */

static void arm_close(void *state) {
    arm_state *arm = state;
    if (!arm) return;
    free(arm->x);
    free(arm->targets);
    free(arm->speed);
    free(arm);
}

static hth_status check_options(const arm_options *o, hth_error *error) {
    if (o->inputs % o->groups)
        return hth_fail(error, HTH_INVALID,
                        "task.inputs is %lld, but must be a multiple of task.groups, %lld",
                        (long long)o->inputs, (long long)o->groups);
    if (o->groups > o->steps)
        return hth_fail(error, HTH_INVALID,
                        "task.groups is %lld, but must be at most task.steps, %lld",
                        (long long)o->groups, (long long)o->steps);
    if (o->rate * o->dt > 1000)
        return hth_fail(error, HTH_INVALID,
                        "task.rate is %g Hz, but must be at most %g: one spike a step of %g ms",
                        o->rate, 1000 / o->dt, o->dt);
    return HTH_OK;
}

static hth_status arm_open(const hth_stream_context *context, void **state, hth_shape *shape,
                           hth_error *error) {
    arm_options o;
    HTH_TRY(hth_options_read(&hth_task_arm.part.options, context->settings, &o, error));
    HTH_TRY(check_options(&o, error));
    const size_t items = hth_times((size_t)o.steps, context->batch);
    arm_state *arm = calloc(1, sizeof *arm);
    if (arm) {
        *arm = (arm_state){.options = o,
                           .batch = context->batch,
                           .split = context->split,
                           .seed = hth_draws(context)};
        arm->x = calloc(items, hth_times((size_t)o.inputs, sizeof *arm->x));
        arm->targets = calloc(items, JOINTS * sizeof *arm->targets);
        arm->speed = calloc((1 + 3 * JOINTS) * (size_t)o.steps, sizeof *arm->speed);
    }
    if (!arm || !arm->x || !arm->targets || !arm->speed || context->batch > UINT32_MAX / 3) {
        arm_close(arm);
        return hth_fail(error, HTH_NO_MEMORY,
                        "task arm: not enough memory for %lld steps x %zu items",
                        (long long)o.steps, context->batch);
    }
    arm->turns = arm->speed + o.steps;
    arm->cosine = arm->turns + JOINTS * o.steps;
    arm->sine = arm->cosine + JOINTS * o.steps;
    fill_inputs(arm);
    *state = arm;
    *shape =
        (hth_shape){.inputs = (size_t)o.inputs, .outputs = JOINTS, .target = HTH_TARGET_VALUES};
    return HTH_OK;
}

static hth_status arm_next(void *state, size_t max_steps, hth_chunk *chunk,
                           hth_position_flags *flags, hth_error *error) {
    arm_state *arm = state;
    const size_t length = (size_t)arm->options.steps, at = (size_t)(arm->position % length);
    const size_t left = length - at, steps = max_steps < left ? max_steps : left;
    const uint64_t sequence = arm->position / length;
    (void)error;
    if (arm->drawn != sequence + 1) draw_sequence(arm, sequence);
    *flags = (hth_position_flags){.starts = at == 0, .ends = steps == left};
    *chunk = (hth_chunk){.steps = steps,
                         .batch = arm->batch,
                         .x = arm->x + at * arm->batch * (size_t)arm->options.inputs,
                         .targets = arm->targets + at * arm->batch * JOINTS};
    arm->position += steps;
    return HTH_OK;
}

static size_t arm_fields(void *state, hth_field *fields, size_t capacity) {
    arm_state *arm = state;
    if (capacity >= 1) fields[0] = (hth_field){"position", HTH_DTYPE_U64, 1, &arm->position, {0}};
    return 1;
}

static void arm_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    *sequence_steps = (uint64_t)((const arm_state *)state)->options.steps;
    *epoch_steps = 0;
}

/* Measured over 2000 movements; of the place, in episodes. */
static size_t arm_references(const hth_settings *settings, hth_reference *out) {
    const hth_setting *omega = hth_settings_find(settings, "task.omega");
    const bool printed = omega && strcmp(omega->value, "printed") == 0;
    out[0] = (hth_reference){"place", "an arm that does not move", printed ? 0.265 : 0.208};
    out[1] = (hth_reference){"place", "the best path for all movements", printed ? 0.173 : 0.154};
    return 2;
}

const hth_stream_kind hth_task_arm = {
    .part = {.name = "arm",
             .summary = "move an arm of two joints along a path, another one in each sequence",
             .source = "Bellec et al. 2019, task 2.1",
             .options = {"task", table, HTH_COUNT(table)}},
    .open = arm_open,
    .next = arm_next,
    .state = arm_fields,
    .extent = arm_extent,
    .close = arm_close,
    .body = &body,
    .references = arm_references,
};
