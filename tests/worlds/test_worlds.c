/* What every world owes: an episode of the length that it says, the same stream for tapes of any length, the same bits
 * where its fields are copied into another, and other draws for another seed, split or item. */
#include "worlds/world.h"

#include "data/npz.h"
#include "scratch.h"

#include <math.h>

enum { BATCH = 2, MOST = 1200 };

/* Six steps an episode; what is seen and what pays follows from the seed and the actions. */
#define TOY                                                                                        \
    "while read word n; do "                                                                       \
    "if [ $word = reset ]; then s=$((n % 5)); t=0; echo $s 0; "                                    \
    "else t=$((t + 1)); r=0; [ $n = $((s % 2)) ] && r=1; s=$(((s * 3 + t + n) % 5)); e=0; "        \
    "[ $t -ge 6 ] && e=1; echo $r $e $s $t; fi; done"

typedef struct player {
    const hth_stream_kind *kind;
    void *state;
    hth_shape shape;
    uint64_t length;
} player;

static bool is_recorded(const hth_stream_kind *kind) {
    return strcmp(kind->part.name, "recorded") == 0;
}

/* Three episodes of four steps or less, with two numbers seen. */
static int write_episodes(void **state) {
    static double x[3][4][2], targets[3][4][2];
    static const int64_t lengths[] = {4, 2, 3};
    if (scratch_make(state) != 0) return -1;
    for (size_t i = 0; i < 3; i++)
        for (size_t t = 0; t < 4; t++) {
            x[i][t][0] = (double)(10 * i + t);
            x[i][t][1] = (double)t / 4;
            targets[i][t][0] = (double)((i + t) % 3) - (t == 1); /* -1, 0, 1 or 2 */
            targets[i][t][1] = (double)i - (double)t;
        }
    const array all[] = {{"inputs", "<f8", "(3, 4, 2)", false, x, sizeof x},
                         {"targets", "<f8", "(3, 4, 2)", false, targets, sizeof targets},
                         {"lengths", "<i8", "(3,)", false, lengths, sizeof lengths}};
    npz_write(scratch_path("episodes.npz"), all, HTH_COUNT(all));
    return 0;
}

static player open_player(const hth_stream_kind *kind, hth_split split, uint64_t seed) {
    /* The world that is another program: one of its own. The world that is a file. */
    static const hth_setting other[] = {{"world.command", TOY, NULL},
                                        {"world.inputs", "2", NULL},
                                        {"world.actions", "2", NULL},
                                        {"world.steps", "10", NULL}};
    const hth_setting file[] = {{"world.file", scratch_path("episodes.npz"), NULL}};
    hth_settings settings = {NULL, 0};
    if (strcmp(kind->part.name, "pipe") == 0) settings = (hth_settings){other, HTH_COUNT(other)};
    if (is_recorded(kind)) settings = (hth_settings){file, HTH_COUNT(file)};
    const hth_stream_context context = {&settings, split, BATCH, seed};
    player p = {.kind = kind};
    uint64_t epoch;
    hth_error error;
    if (kind->open(&context, &p.state, &p.shape, &error) != HTH_OK) fail_msg("%s", error.message);
    kind->extent(p.state, &p.length, &epoch);
    assert_int_equal(p.shape.target, HTH_TARGET_ACTIONS);
    assert_true(p.length > 0 && p.shape.outputs > 2 && p.shape.inputs > 0);
    return p;
}

/* All inputs and targets of some steps, from tapes of `each` steps; how many steps there were in whole episodes. */
static size_t record(player *p, size_t steps, size_t each, hth_real *x) {
    const size_t width = BATCH * p->shape.inputs;
    size_t done = 0;
    while (done < steps) {
        hth_chunk chunk;
        hth_position_flags flags;
        hth_error error;
        const size_t most = steps - done < each ? steps - done : each;
        if (p->kind->next(p->state, most, &chunk, &flags, &error) != HTH_OK)
            fail_msg("%s: %s", p->kind->part.name, error.message);
        assert_true(chunk.steps >= 1 && chunk.steps <= most);
        for (size_t i = 0; i < chunk.steps * width; i++) assert_true(isfinite(chunk.x[i]));
        for (size_t i = 0; i < chunk.steps * BATCH * p->shape.outputs; i++)
            assert_true(isfinite(chunk.targets[i]));
        memcpy(x + done * width, chunk.x, chunk.steps * width * sizeof *x);
        done += chunk.steps;
    }
    return done;
}

static size_t steps_of(const player *p) {
    const size_t three = 3 * (size_t)p->length + 2;
    return three < MOST ? three : MOST;
}

/* Copies all fields of one stream into another. */
static void copy_position(const player *from, const player *to) {
    enum { FIELDS = 16 };
    hth_field a[FIELDS], b[FIELDS];
    const size_t count = from->kind->state(from->state, a, FIELDS);
    assert_true(count <= FIELDS && to->kind->state(to->state, b, FIELDS) == count);
    for (size_t i = 0; i < count; i++) {
        const size_t size = a[i].dtype == HTH_DTYPE_I32 ? 4 : 8;
        memcpy(b[i].data, a[i].data, a[i].count * size);
    }
}

static void tapes_of_any_length_and_copies_agree(void **state) {
    (void)state;
    for (size_t w = 0; w < hth_worlds.count; w++) {
        player p = open_player(hth_world_at(w), HTH_TRAIN, 1);
        player q = open_player(hth_world_at(w), HTH_TRAIN, 1);
        player r = open_player(hth_world_at(w), HTH_TRAIN, 1);
        const size_t steps = steps_of(&p), width = BATCH * p.shape.inputs, cut = steps / 2 + 1;
        hth_real *x[3];
        for (int i = 0; i < 3; i++) x[i] = calloc(steps * width, sizeof **x);
        record(&p, steps, 7, x[0]);
        record(&q, cut, 1, x[1]);
        copy_position(&q, &r); /* in the middle of an episode */
        record(&q, steps - cut, 64, x[1] + cut * width);
        record(&r, steps - cut, 3, x[2] + cut * width);
        memcpy(x[2], x[1], cut * width * sizeof **x);
        assert_memory_equal(x[0], x[1], steps * width * sizeof **x);
        assert_memory_equal(x[0], x[2], steps * width * sizeof **x);
        for (int i = 0; i < 3; i++) free(x[i]);
        p.kind->close(p.state);
        q.kind->close(q.state);
        r.kind->close(r.state);
    }
}

/* The control. */
static void other_draws_differ(void **state) {
    (void)state;
    for (size_t w = 0; w < hth_worlds.count; w++) {
        player p[] = {open_player(hth_world_at(w), HTH_TRAIN, 1),
                      open_player(hth_world_at(w), HTH_TRAIN, 2),
                      open_player(hth_world_at(w), HTH_TEST, 1)};
        const size_t steps = steps_of(&p[0]), inputs = p[0].shape.inputs, width = BATCH * inputs;
        hth_real *x[3];
        bool items = false;
        for (int i = 0; i < 3; i++) {
            x[i] = calloc(steps * width, sizeof **x);
            record(&p[i], steps, 50, x[i]);
            p[i].kind->close(p[i].state);
        }
        /* What is recorded is drawn from nothing. */
        const bool drawn = !is_recorded(hth_world_at(w));
        assert_int_equal(memcmp(x[0], x[1], steps * width * sizeof **x) != 0, drawn);
        assert_int_equal(memcmp(x[0], x[2], steps * width * sizeof **x) != 0, drawn);
        for (size_t t = 0; t < steps; t++)
            items = items ||
                    memcmp(x[0] + t * width, x[0] + t * width + inputs, inputs * sizeof **x) != 0;
        assert_true(items);
        for (int i = 0; i < 3; i++) free(x[i]);
    }
}

/* A state that a file makes up does not end the program. */
static void hostile_positions_are_survived(void **state) {
    (void)state;
    for (size_t w = 0; w < hth_worlds.count; w++)
        for (int round = 0; round < 4; round++) {
            player p = open_player(hth_world_at(w), HTH_TRAIN, 1);
            hth_field fields[16];
            hth_chunk chunk;
            hth_position_flags flags;
            hth_error error;
            p.kind->next(p.state, 2, &chunk, &flags, &error);
            const size_t count = p.kind->state(p.state, fields, 16);
            for (size_t i = 0; i < count; i++) {
                double *f = fields[i].data;
                int32_t *k = fields[i].data;
                const bool real = fields[i].dtype == HTH_DTYPE_F64;
                for (size_t j = 0; real && j < fields[i].count; j++)
                    f[j] = round == 0 ? (double)NAN : round == 1 ? -7 : 1e300;
                for (size_t j = 0; fields[i].dtype == HTH_DTYPE_I32 && j < fields[i].count; j++)
                    if (round == 3) k[j] = 1000;
            }
            const hth_status status = p.kind->next(p.state, 5, &chunk, &flags, &error);
            if (round == 3) assert_int_equal(status, HTH_INVALID);
            p.kind->close(p.state);
        }
}

/* Each item has the episodes of its turn, with the actions that were taken and what came of them. */
static void recordings_are_played_in_turn(void **state) {
    (void)state;
    static const size_t order[][2] = {{0, 1}, {2, 0}, {1, 2}}, lengths[] = {4, 2, 3};
    enum {
        SEEN = 2,
        INPUTS = SEEN + 3 + 1
    }; /* and the last of three actions, one-hot, and its reward */
    size_t w = 0;
    while (!is_recorded(hth_world_at(w))) w++;
    player p = open_player(hth_world_at(w), HTH_VALIDATE, 1);
    assert_int_equal(p.shape.inputs, INPUTS);
    for (size_t round = 0; round < HTH_COUNT(order); round++) {
        hth_chunk chunk;
        hth_position_flags flags;
        hth_error error;
        assert_int_equal(p.kind->next(p.state, 100, &chunk, &flags, &error), HTH_OK);
        assert_true(flags.starts && flags.ends);
        for (size_t b = 0; b < BATCH; b++)
            for (size_t t = 0; t < chunk.steps; t++) {
                const size_t i = order[round][b];
                const hth_real *x = chunk.x + (t * BATCH + b) * INPUTS;
                const bool over = t >= lengths[i];
                assert_true((double)x[0] == (over ? 0 : (double)(10 * i + t)));
                assert_true(chunk.weights[t * BATCH + b] == (over ? 0 : 1));
                if (over || t == 0) continue;
                const int action = (int)((i + t - 1) % 3) - (t - 1 == 1);
                for (int k = 0; k < 3; k++) assert_true(x[SEEN + k] == (k == action ? 1 : 0));
                assert_true((double)x[SEEN + 3] == (double)i - (double)(t - 1));
            }
    }
    p.kind->close(p.state);
}

/* Ten images of one grey each; three classes. */
static void write_images(void) {
    enum { COUNT = 10, PIXELS = 64 };
    unsigned char images[16 + COUNT * PIXELS] = {0, 0, 8, 3, 0, 0, 0, COUNT,
                                                 0, 0, 0, 8, 0, 0, 0, 8};
    unsigned char labels[8 + COUNT] = {0, 0, 8, 1, 0, 0, 0, COUNT};
    for (size_t i = 0; i < COUNT; i++) {
        memset(images + 16 + i * PIXELS, (int)(20 * i), PIXELS);
        labels[8 + i] = (unsigned char)(i % 3);
    }
    scratch_write("images-idx3-ubyte", images, sizeof images);
    scratch_write("labels-idx1-ubyte", labels, sizeof labels);
}

static player open_glimpse(const char *size, hth_split split, hth_error *error) {
    const hth_setting items[] = {{"world.file", scratch_path("images-idx3-ubyte"), NULL},
                                 {"world.validation_fraction", "0.3", NULL},
                                 {"world.size", size, NULL},
                                 {"world.grid", "2", NULL},
                                 {"world.glimpses", "2", NULL}};
    const hth_settings settings = {items, HTH_COUNT(items)};
    const hth_stream_context context = {&settings, split, BATCH, 1};
    size_t w = 0;
    while (strcmp(hth_worlds.at(w)->name, "glimpse") != 0) w++;
    player p = {.kind = hth_world_at(w)};
    if (p.kind->open(&context, &p.state, &p.shape, error) != HTH_OK) p.state = NULL;
    return p;
}

/* The window shows the image, what pays is its label, and images that validate are none of those that train. */
static void glimpses_are_of_the_files_images(void **state) {
    (void)state;
    hth_error error;
    bool seen[2][10] = {{false}};
    size_t paid = 0;
    write_images();
    for (int v = 0; v < 2; v++) {
        player p = open_glimpse("8", v ? HTH_VALIDATE : HTH_TRAIN, &error);
        assert_non_null(p.state);
        for (size_t episode = 0; episode < 100; episode++) {
            hth_chunk chunk;
            hth_position_flags flags;
            assert_int_equal(p.kind->next(p.state, 9, &chunk, &flags, &error), HTH_OK);
            assert_int_equal(chunk.steps, 2);
            for (size_t b = 0; b < BATCH; b++) {
                const hth_real *x = chunk.x + (BATCH + b) * p.shape.inputs;
                const hth_real *target = chunk.targets + (BATCH + b) * p.shape.outputs;
                const size_t image = (size_t)((double)x[0] * 255 / 20 + 0.5);
                assert_true(x[63] == x[0] && x[66] == 1);
                seen[v][image] = true;
                for (size_t k = 0; k + 1 < p.shape.outputs; k++)
                    assert_true(target[k] == 0 || (target[k] == 1 && k == image % 3));
                paid += target[image % 3] == 1;
            }
        }
        p.kind->close(p.state);
    }
    for (size_t i = 0; i < 10; i++) assert_int_equal(seen[0][i] + seen[1][i], 1);
    assert_true(paid > 60 && paid < 140); /* of 400 random answers of four */
    assert_null(open_glimpse("9", HTH_TRAIN, &error).state);
    assert_non_null(strstr(error.message, "world.size is 9, but must be at most the 8 x 8 pixels"));
}

/* What `hitherto list worlds` says. */
static void sizes_are_told(void **state) {
    (void)state;
    char text[96];
    size_t bandit = 0, pipe = 0;
    while (strcmp(hth_worlds.at(bandit)->name, "bandit") != 0) bandit++;
    while (strcmp(hth_worlds.at(pipe)->name, "pipe") != 0) pipe++;
    hth_world_size(bandit, text, sizeof text);
    assert_string_equal(text, "2 actions, 0 numbers seen, 100 steps");
    hth_world_size(pipe, text, sizeof text);
    assert_string_equal(text, ""); /* it must be told its program */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(tapes_of_any_length_and_copies_agree),
                                       cmocka_unit_test(other_draws_differ),
                                       cmocka_unit_test(hostile_positions_are_survived),
                                       cmocka_unit_test(recordings_are_played_in_turn),
                                       cmocka_unit_test(glimpses_are_of_the_files_images),
                                       cmocka_unit_test(sizes_are_told)};
    return cmocka_run_group_tests(tests, write_episodes, scratch_remove);
}
