/* What policies that know a world earn there, and those that do the opposite: rewards, regret and length of episodes as
 * the definition of each world has them. */
#include "worlds/world.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NOTES = 8 };

/* What a policy sees and remembers; notes are 0 at the start of an episode. */
typedef struct view {
    const hth_real *x;
    size_t step, inputs, actions;
    double notes[NOTES];
} view;

typedef size_t (*policy)(view *v);

static const hth_stream_kind *find(const char *name) {
    size_t i = 0;
    while (strcmp(hth_worlds.at(i)->name, name) != 0) i++;
    return hth_world_at(i);
}

/* Plays whole episodes; the means over them. */
static hth_outcomes play(const char *name, const char *key, const char *value, policy choose,
                         size_t episodes) {
    const hth_stream_kind *kind = find(name);
    const hth_setting items[] = {{key, value, NULL}};
    const hth_settings settings = {items, key ? 1 : 0};
    const hth_stream_context context = {&settings, HTH_TRAIN, 1, 5};
    void *state;
    hth_shape shape;
    hth_error error;
    hth_outcomes sum = {0};
    view v = {0};
    if (kind->open(&context, &state, &shape, &error) != HTH_OK) fail_msg("%s", error.message);
    v.actions = shape.outputs - 1;
    v.inputs = shape.inputs;
    hth_real *y = calloc(shape.outputs, sizeof *y);
    while (sum.episodes < (double)episodes) {
        bool starts, ends;
        hth_lookback back;
        assert_int_equal(kind->answers->observe(state, &v.x, &starts, &error), HTH_OK);
        if (starts) memset(v.notes, 0, sizeof v.notes);
        if (starts) v.step = 0;
        /* An action that is all but certain. */
        memset(y, 0, shape.outputs * sizeof *y);
        y[choose(&v)] = 200;
        assert_int_equal(kind->answers->act(state, y, &ends, &error), HTH_OK);
        kind->answers->look_back(state, NULL, 0, NULL, &back);
        kind->answers->tell(state, &sum);
        v.step++;
    }
    kind->close(state);
    free(y);
    return (hth_outcomes){sum.episodes, sum.rewards / sum.episodes, sum.missed / sum.episodes,
                          sum.steps / sum.episodes};
}

static bool near(double a, double b, double allowed) {
    return fabs(a - b) <= allowed;
}

/* ---- Policies ---- */

static size_t first(view *v) {
    (void)v;
    return 0;
}

/* A constant policy: of independent arms it misses E max p - E p = 2/3 - 1/2 a pull. */
static void bandit(void **state) {
    (void)state;
    hth_outcomes o = play("bandit", NULL, NULL, first, 4000);
    assert_true(near(o.missed, 100.0 / 6, 1) && near(o.rewards, 50, 1.5) && o.steps == 100);
    o = play("bandit", "world.kind", "easy", first, 2000);
    assert_true(near(o.missed, 40, 3) && near(o.rewards, 50, 3));
    o = play("bandit", "world.kind", "correlated", first, 2000);
    assert_true(near(o.missed, 25, 2));
    o = play("bandit", "world.kind", "restless", first, 500);
    assert_true(near(o.rewards, 50, 3) && near(o.missed, 100.0 / 6, 2));
}

/* Wins stay and losses leave, by the place that was reached: the input before the action names it. */
static size_t by_model(view *v) {
    const bool rewarded = v->x[4] > 0;
    if (v->step > 0) v->notes[0] = (v->x[1] > 0) == rewarded ? 1 : 0; /* the better place */
    return (size_t)v->notes[0];
}

static void two_step(void **state) {
    (void)state;
    const hth_outcomes constant = play("two-step", NULL, NULL, first, 400);
    const hth_outcomes model = play("two-step", NULL, NULL, by_model, 400);
    assert_true(near(constant.rewards, 50, 2) && near(constant.missed, 24, 1.5));
    assert_true(model.rewards > 66 && model.rewards < 74 && model.missed < 8);
    assert_true(near(model.rewards + model.missed, 74, 1.5)); /* what the best actions earn */
}

static size_t turn_as_told(view *v) {
    if (v->x[0] > 0) v->notes[0] = 1;
    if (v->x[1] > 0) v->notes[0] = 2;
    return v->x[3] > 0 ? (size_t)v->notes[0] : 0;
}

static size_t turn_left(view *v) {
    return v->x[3] > 0 ? 1 : 0;
}

static void t_maze(void **state) {
    (void)state;
    const hth_outcomes told = play("t-maze", NULL, NULL, turn_as_told, 50);
    const hth_outcomes left = play("t-maze", NULL, NULL, turn_left, 400);
    const hth_outcomes stuck = play("t-maze", "world.limit", "20", first, 50);
    assert_true(near(told.rewards, 4, 1e-9) && told.steps == 11 && isnan(told.missed));
    assert_true(near(left.rewards, 1.95, 0.4) && left.steps == 11);
    assert_true(near(stuck.rewards, -1, 1e-9) && stuck.steps == 20);
}

/* More spikes of the left group than of the right one. */
static size_t count_spikes(view *v) {
    for (size_t i = 0; i < 10; i++) v->notes[0] += (double)v->x[10 + i] - (double)v->x[i];
    return v->notes[0] > 0;
}

/* The side of the first cue. */
static size_t first_cue(view *v) {
    if (v->step < 100) return count_spikes(v);
    return v->notes[0] > 0;
}

static void cues(void **state) {
    (void)state;
    const hth_outcomes counted = play("cues", NULL, NULL, count_spikes, 60);
    const hth_outcomes left = play("cues", NULL, NULL, first, 60);
    assert_true(counted.rewards > 0.8 && near(counted.rewards + counted.missed, 1, 1e-9));
    assert_true(fabs(left.rewards) < 0.5 && counted.steps > 1700 && counted.steps < 2700);
    /* An episode that leans to one side has all cues there, so that the first tells; else that is a third right. */
    const hth_outcomes all = play("cues", "world.lean", "1", first_cue, 40);
    const hth_outcomes even = play("cues", "world.lean", "0.5", first_cue, 200);
    assert_true(all.rewards == 1 && near(even.rewards, 0.3125, 0.2));
}

/* x: phases, colours. */
static size_t name_colours(view *v) {
    for (size_t k = 0; k < 3; k++)
        if (v->x[3 + k] > 0) return k;
    return v->x[2] > 0 ? 2 : 0;
}

static size_t take_key_too(view *v) {
    return v->x[0] > 0 ? 1 : name_colours(v);
}

static void key_door(void **state) {
    (void)state;
    const hth_outcomes with = play("key-door", NULL, NULL, take_key_too, 400);
    const hth_outcomes without = play("key-door", NULL, NULL, name_colours, 400);
    assert_true(near(with.rewards - without.rewards, 10, 1e-9) && with.steps == 32);
    assert_true(near(without.rewards, 30 * 1.65, 4));
    /* What is missed: the prize, once, when no key is taken; and each colour that is not named. */
    const hth_outcomes lazy = play("key-door", NULL, NULL, first, 400);
    assert_true(with.missed == 0 && near(without.missed, 10, 1e-9));
    assert_true(near(lazy.rewards + lazy.missed, with.rewards, 1e-9));
}

static size_t recall(view *v) {
    if (v->step == 0) v->notes[0] = (double)v->x[0];
    return v->notes[0] > 0;
}

static size_t recall_wrongly(view *v) {
    return 1 - recall(v);
}

static void memory_chain(void **state) {
    (void)state;
    const hth_outcomes right = play("memory-chain", NULL, NULL, recall, 50);
    const hth_outcomes wrong = play("memory-chain", NULL, NULL, recall_wrongly, 50);
    assert_true(right.rewards == 1 && right.missed == 0 && right.steps == 20);
    assert_true(wrong.rewards == -1 && wrong.missed == 2);
}

/* Takes the left object, looks what it paid, and stays with the right one: x[1] and x[9] begin the objects. */
static size_t win_stay(view *v) {
    const double left = (double)v->x[1], right = (double)v->x[9];
    if (v->step % 5 == 2) /* what was taken, and what it paid */
        v->notes[1] = v->x[19] > 0 ? v->notes[0] : v->notes[2];
    if (v->step % 5 != 1) return 0;
    const size_t action = v->step > 1 && v->notes[1] == right ? 1 : 0;
    v->notes[0] = action ? right : left;
    v->notes[2] = action ? left : right;
    return action;
}

static void harlow(void **state) {
    (void)state;
    const hth_outcomes stay = play("harlow", NULL, NULL, win_stay, 400);
    const hth_outcomes left = play("harlow", NULL, NULL, first, 400);
    assert_true(near(stay.rewards, 5, 0.2) && near(stay.missed, 1, 0.2) && stay.steps == 30);
    assert_true(near(left.rewards, 0, 0.4));
}

/* The kind of a line of bright pixels that the window holds as a whole, plus 1; 0: it holds none. */
static size_t line_in(const hth_real *x) {
    enum { SIZE = 8, LINE = 5 };
    size_t rows[SIZE * SIZE], columns[SIZE * SIZE], count = 0;
    for (size_t i = 0; i < SIZE * SIZE; i++)
        if (x[i] == 1) {
            rows[count] = i / SIZE;
            columns[count++] = i % SIZE;
        }
    if (count < LINE) return 0;
    if (rows[0] == rows[1]) return 1;
    if (columns[0] == columns[1]) return 2;
    return columns[1] > columns[0] ? 3 : 4;
}

/* Looks at one place after the other, and names what was there. */
static size_t look_everywhere(view *v) {
    const size_t found = line_in(v->x);
    if (found) v->notes[0] = (double)found;
    return v->x[66] > 0 ? (size_t)v->notes[0] - 1 : v->step;
}

static void glimpse(void **state) {
    (void)state;
    const hth_outcomes all = play("glimpse", "world.glimpses", "50", look_everywhere, 60);
    const hth_outcomes flat = play("glimpse", NULL, NULL, first, 400);
    assert_true(all.rewards == 1 && all.missed == 0 && all.steps == 50);
    assert_true(near(flat.rewards, 0.25, 0.1) && near(flat.rewards + flat.missed, 1, 1e-9));
}

/* Pushes under the pole as it falls. */
static size_t balance(view *v) {
    return (double)v->x[1] + 1.5 * (double)v->x[3] + 0.1 * (double)v->x[0] > 0;
}

/* The same episode by the equations, with the library's own sine: how many steps until it falls. */
static double plain_fall(double x, double v, double a, double w) {
    for (int t = 1;; t++) {
        const double c = cos(a), s = sin(a), push = (-10 + 0.05 * w * w * s) / 1.1;
        const double spin = (9.8 * s - c * push) / (0.5 * (4.0 / 3 - 0.1 * c * c / 1.1));
        const double rush = push - 0.05 * spin * c / 1.1;
        x += 0.02 * v;
        v += 0.02 * rush;
        a += 0.02 * w;
        w += 0.02 * spin;
        if (fabs(a) > 12 * 3.14159265358979 / 180 || fabs(x) > 2.4) return t;
    }
}

static void cart_pole(void **state) {
    (void)state;
    const hth_outcomes good = play("cart-pole", "world.velocities", "true", balance, 20);
    const hth_outcomes push = play("cart-pole", NULL, NULL, first, 200);
    assert_true(good.rewards == 200 && good.steps == 200);
    assert_true(push.steps == push.rewards && near(push.steps, plain_fall(0, 0, 0, 0), 0.6));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bandit), cmocka_unit_test(two_step), cmocka_unit_test(t_maze),
        cmocka_unit_test(cues),   cmocka_unit_test(key_door), cmocka_unit_test(memory_chain),
        cmocka_unit_test(harlow), cmocka_unit_test(glimpse),  cmocka_unit_test(cart_pole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
