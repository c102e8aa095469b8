/* A stream of rows: it does what a plain loop over a model does, whatever the rows look like, and goes on from a
 * snapshot with the same bits. */
#include "network/inspect.h"
#include "run/online_state.h"

#include "scratch.h"

#include <fcntl.h>
#include <math.h>

enum { ROWS = 60, MOST = 200 };

static double table[MOST][3]; /* two inputs and a target */

/* Numbers that single precision and four decimals hold exactly. */
static void fill_table(size_t rows) {
    for (size_t t = 0; t < rows; t++)
        for (size_t k = 0; k < 3; k++)
            table[t][k] = round(64 * sin(0.3 * (double)(t + 5 * k))) / 64 + (k == 2);
}

static int setup(void **state) {
    fill_table(MOST);
    return scratch_make(state);
}

static void write_rows(const char *name, const char *format, const char *first, size_t from,
                       size_t to) {
    FILE *file = fopen(scratch_path(name), "wb");
    assert_non_null(file);
    fputs(first, file);
    for (size_t t = from; t < to; t++) fprintf(file, format, table[t][0], table[t][1], table[t][2]);
    fclose(file);
}

/* What came of a stream. */
typedef struct told {
    size_t count;
    double forecast[MOST][3];
    hth_online_score score;
    uint64_t lost, dropped;
    bool drifted;
    size_t drifted_at;
} told;

static told got;

/* A stream over a file; settings "key=value key=value". The error is left in `error`. */
static hth_error error;
static bool diverged; /* before a snapshot is made, a parameter becomes infinite */

static size_t model_bytes; /* of the last model that was saved */

static void save(hth_online *online, const char *name) {
    const hth_model_parts *parts = hth_model_parts_of(online->model);
    if (diverged) hth_network_parameters(parts->network)[7] = (hth_real)INFINITY;
    assert_int_equal(hth_online_save(online, scratch_path(name), &error),
                     diverged ? HTH_NOT_FINITE : HTH_OK);
    model_bytes = hth_model_save_bytes(online->model);
}

static hth_status run_plan(const char *file, const char *settings, hth_online_plan plan,
                           const char *snapshot) {
    hth_config *config;
    hth_online *online;
    hth_online_row row;
    bool found = true;
    char text[600], *rest = text;
    snprintf(text, sizeof text, "data=rows network.units=5 cell=gru learner=rtrl %s", settings);
    assert_int_equal(hth_config_create(&config, &error), HTH_OK);
    for (char *word; (word = strtok_r(rest, " ", &rest));)
        assert_int_equal(hth_config_override(config, word, &error), HTH_OK);
    plan.config = config;
    plan.source = (hth_row_source){open(scratch_path(file), O_RDONLY), "rows", NULL, NULL};
    hth_status status = hth_config_validate(config, &error);
    if (status == HTH_OK) status = hth_online_open(&plan, &online, &error);
    got = (told){0};
    if (status == HTH_OK) {
        while ((status = hth_online_next(online, &row, &found, &error)) == HTH_OK && found) {
            for (size_t k = 0; k < row.count && row.predicted; k++)
                got.forecast[got.count][k] = row.forecast[k];
            if (row.drifted && !got.drifted) got.drifted_at = row.row;
            got.drifted = got.drifted || row.drifted;
            got.count += row.predicted;
        }
        got.score = *hth_online_score_of(online);
        got.lost = hth_online_lost(online);
        got.dropped = hth_online_dropped(online);
        if ((status == HTH_OK || status == HTH_INVALID) && snapshot) save(online, snapshot);
        hth_online_close(online);
    }
    close(plan.source.file);
    hth_config_destroy(config);
    return status;
}

static void run_stream(const char *file, const char *settings) {
    if (run_plan(file, settings, (hth_online_plan){0}, NULL) != HTH_OK)
        fail_msg("%s", error.message);
}

static bool same_forecasts(const told *a, size_t from, size_t count) {
    return memcmp(a->forecast[from], got.forecast, count * sizeof a->forecast[0]) == 0;
}

/* ---- The plain loop ----------------------------------------------------------------------- */

/* Rows through a model by hand: predict, then the answer that `late` rows ago was asked for. */
static void by_hand(size_t late, size_t shift) {
    const hth_setting settings[] = {
        {"network.units", "5", NULL}, {"cell.name", "gru", NULL}, {"learner.name", "rtrl", NULL}};
    const hth_model_plan plan = {.abi = HTH_ABI,
                                 .settings = {settings, HTH_COUNT(settings)},
                                 .shape = {.inputs = 2, .outputs = 1},
                                 .seed = 1,
                                 .late = late};
    hth_model *model;
    assert_int_equal(hth_model_create(&plan, NULL, &model, &error), HTH_OK);
    got = (told){.count = ROWS};
    for (size_t t = 0; t < ROWS; t++) {
        const hth_real x[] = {(hth_real)table[t][0], (hth_real)table[t][1]},
                       target = (hth_real)table[t - (t > 0 ? shift : 0)][2];
        hth_real y;
        assert_int_equal(hth_model_predict(model, x, NULL, &y, &error), HTH_OK);
        got.forecast[t][0] = (double)y;
        const hth_answer answer = {.targets = &target, .late = late};
        if (t >= late) assert_int_equal(hth_model_learn(model, &answer, NULL, &error), HTH_OK);
    }
    hth_model_destroy(model);
}

static void a_stream_is_a_plain_loop(void **state) {
    (void)state;
    static const char *const settings[] = {
        "data.inputs=a,b data.target=y data.standardise=false data.ahead=0",
        "data.inputs=1-2 data.target=3 data.standardise=false data.ahead=4"};
    static told stream;
    write_rows("t.csv", "%.17g,%.17g,%.17g\n", "a,b,y\n", 0, ROWS);
    for (size_t i = 0; i < 2; i++) {
        run_stream("t.csv", settings[i]);
        stream = got;
        assert_int_equal(stream.count, ROWS);
        by_hand(i ? 4 : 0, 0);
        assert_true(same_forecasts(&stream, 0, ROWS));
        by_hand(i ? 4 : 0, 1); /* the control: the target of the row before */
        assert_false(same_forecasts(&stream, 0, ROWS));
    }
}

/* Frozen, a stream writes what it writes before the first answer has been learned. */
static void a_frozen_stream_learns_nothing(void **state) {
    (void)state;
    static told learning;
    write_rows("t.csv", "%.17g,%.17g,%.17g\n", "a,b,y\n", 0, ROWS);
    run_stream("t.csv", "data.inputs=a,b data.target=y data.standardise=false data.ahead=0");
    learning = got;
    const hth_online_plan frozen = {.freeze = true};
    for (size_t t = 0; t < ROWS; t++) table[t][2] += 1;
    write_rows("other.csv", "%.17g,%.17g,%.17g\n", "a,b,y\n", 0, ROWS);
    fill_table(ROWS);
    assert_int_equal(run_plan("t.csv",
                              "data.inputs=a,b data.target=y data.standardise=false data.ahead=0",
                              frozen, NULL),
                     HTH_OK);
    assert_true(same_forecasts(&learning, 0, 1));
    assert_false(same_forecasts(&learning, 0, ROWS));
    static told still;
    still = got;
    assert_int_equal(run_plan("other.csv",
                              "data.inputs=a,b data.target=y data.standardise=false data.ahead=0",
                              frozen, NULL),
                     HTH_OK);
    assert_true(same_forecasts(&still, 0, ROWS)); /* whatever the answers are */
    assert_true(got.score.sum.of[HTH_OF_NETWORK][HTH_ERROR_PLAIN] >
                still.score.sum.of[HTH_OF_NETWORK][HTH_ERROR_PLAIN]);
    /* No gradient has been gathered. */
    static const char settings[] =
        "data.inputs=a,b data.target=y data.standardise=false data.ahead=0";
    assert_int_equal(run_plan("t.csv", settings, (hth_online_plan){0}, "s.safetensors"), HTH_OK);
    const size_t without = model_bytes;
    assert_int_equal(run_plan("t.csv", settings, frozen, "s.safetensors"), HTH_OK);
    assert_int_equal(model_bytes, without);
}

/* ---- Formats ------------------------------------------------------------------------------ */

static void write_floats(const char *name, bool header) {
    char head[128] = "\x93NUMPY\x01";
    FILE *file = fopen(scratch_path(name), "wb");
    assert_non_null(file);
    const int length = snprintf(
        head + 10, 100, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 3), }", ROWS);
    memset(head + 10 + length, ' ', (size_t)(118 - length));
    head[8] = 117;
    head[10 + 116] = '\n';
    if (header) fwrite(head, 1, 127, file);
    for (size_t t = 0; t < ROWS; t++)
        for (size_t k = 0; k < 3; k++) {
            const float value = (float)table[t][k];
            fwrite(&value, sizeof value, 1, file);
        }
    fclose(file);
}

static void all_formats_say_the_same(void **state) {
    (void)state;
    static told first;
    write_rows("t.csv", "%.17g,%.17g,%.17g\n", "a,b,y\n", 0, ROWS);
    write_rows("semicolon.csv", "\"%.17g\"; %.17g ;%.17g\r\n", "\xEF\xBB\xBFthe a;b;y\r\n\r\n", 0,
               ROWS);
    write_rows("blanks", "  %.17g\t%.17g  %.17g\n", "", 0, ROWS);
    write_rows("lists", "[%.17g, %.17g, %.17g]\n", "", 0, ROWS);
    FILE *file = fopen(scratch_path("objects"), "wb");
    for (size_t t = 0; t < ROWS; t++)
        fprintf(file, "{\"b\": %.17g, \"y\": %.17g, \"a\": %.17g}\n", table[t][1], table[t][2],
                table[t][0]);
    fclose(file);
    write_floats("floats", false);
    write_floats("t.npy", true);
    run_stream("t.csv", "data.inputs=a,b data.target=y");
    first = got;
    assert_int_equal(first.count, ROWS);
    static const char *const others[][2] = {
        {"semicolon.csv", "data.inputs=1,2 data.target=y"},
        {"blanks", "data.format=blanks data.inputs=1-2 data.target=3"},
        {"lists", "data.inputs=1-2 data.target=3"},
        {"objects", "data.inputs=a,b data.target=y"},
        {"floats", "data.format=float32 data.columns=3 data.inputs=1-2 data.target=3"},
        {"t.npy", "data.inputs=1-2 data.target=3"}};
    for (size_t i = 0; i < HTH_COUNT(others); i++) {
        run_stream(others[i][0], others[i][1]);
        assert_int_equal(got.count, ROWS);
        assert_true(same_forecasts(&first, 0, ROWS));
    }
    run_stream("blanks", "data.format=blanks data.inputs=2,1 data.target=3"); /* the control */
    assert_false(same_forecasts(&first, 0, ROWS));
}

/* ---- Snapshots ---------------------------------------------------------------------------- */

/* Cut anywhere, with tapes of several steps, answers that are awaited and standardised columns, the stream goes on with
 * the same bits; also where the input is given from its start. */
static void a_snapshot_goes_on_with_the_same_bits(void **state) {
    (void)state;
    static const char *const settings[] = {
        "data.target=y data.ahead=3",
        "data.target=y data.ahead=2 learner=tbptt learner.steps=4 data.change=true",
        "data.target=y data.ahead=0 learner=rflo data.missing=mask cell=rate"};
    static const size_t cuts[] = {1, 2, 31, 59};
    static told whole;
    write_rows("t.csv", "%.17g,%.17g,%.17g\n", "a,b,y\n", 0, ROWS);
    for (size_t i = 0; i < HTH_COUNT(settings); i++) {
        run_stream("t.csv", settings[i]);
        whole = got;
        for (size_t c = 0; c < HTH_COUNT(cuts); c++) {
            const hth_online_plan on = {.load = scratch_path("s.safetensors")};
            const hth_online_plan again = {.load = on.load, .from_start = true};
            write_rows("part.csv", "%.17g,%.17g,%.17g\n", "a,b,y\n", 0, cuts[c]);
            write_rows("rest.csv", "%.17g,%.17g,%.17g\n", "a,b,y\n", cuts[c], ROWS);
            assert_int_equal(
                run_plan("part.csv", settings[i], (hth_online_plan){0}, "s.safetensors"), HTH_OK);
            assert_true(same_forecasts(&whole, 0, cuts[c]));
            assert_int_equal(run_plan("rest.csv", settings[i], on, NULL), HTH_OK);
            assert_true(same_forecasts(&whole, cuts[c], ROWS - cuts[c]));
            assert_memory_equal(&got.score, &whole.score, sizeof got.score);
            assert_int_equal(run_plan("t.csv", settings[i], again, NULL), HTH_OK);
            assert_int_equal(got.count, ROWS - cuts[c]);
            assert_true(same_forecasts(&whole, cuts[c], ROWS - cuts[c]));
        }
        run_stream("rest.csv", settings[i]); /* the control: it begins anew */
        assert_false(same_forecasts(&whole, ROWS - 1, 1));
    }
}

static void a_snapshot_of_something_else_is_refused(void **state) {
    (void)state;
    write_rows("t.csv", "%.17g,%.17g,%.17g\n", "a,b,y\n", 0, ROWS);
    write_rows("other.csv", "%.17g,%.17g,%.17g\n", "b,a,y\n", 0, ROWS);
    assert_int_equal(run_plan("t.csv", "data.target=y", (hth_online_plan){0}, "s.safetensors"),
                     HTH_OK);
    const hth_online_plan on = {.load = scratch_path("s.safetensors")};
    assert_int_equal(run_plan("other.csv", "data.target=y", on, NULL), HTH_MISMATCH);
    assert_non_null(strstr(
        error.message,
        "settings are 'a, b, y | y | ahead 1, standardise 1, change 0', here 'b, a, y | y |"));
    assert_int_equal(run_plan("t.csv", "data.target=y network.units=6", on, NULL), HTH_MISMATCH);
    assert_int_equal(run_plan("t.csv", "data.target=y", on, NULL), HTH_OK);
}

/* Parameters that are no numbers do not take the place of some that were. */
static void a_snapshot_that_diverged_is_not_made(void **state) {
    (void)state;
    static told whole;
    const hth_online_plan on = {.load = scratch_path("s.safetensors")};
    write_rows("t.csv", "%.17g,%.17g,%.17g\n", "a,b,y\n", 0, ROWS);
    write_rows("part.csv", "%.17g,%.17g,%.17g\n", "a,b,y\n", 0, 31);
    write_rows("rest.csv", "%.17g,%.17g,%.17g\n", "a,b,y\n", 31, ROWS);
    run_stream("t.csv", "data.target=y");
    whole = got;
    assert_int_equal(run_plan("part.csv", "data.target=y", (hth_online_plan){0}, "s.safetensors"),
                     HTH_OK);
    diverged = true;
    assert_int_equal(run_plan("t.csv", "data.target=y", (hth_online_plan){0}, "s.safetensors"),
                     HTH_OK);
    diverged = false;
    assert_non_null(strstr(error.message, "row 60: the parameters are no finite numbers any more"));
    assert_non_null(strstr(error.message, "s.safetensors stays as it was"));
    assert_int_equal(run_plan("rest.csv", "data.target=y", on, NULL), HTH_OK);
    assert_true(same_forecasts(&whole, 31, ROWS - 31));
}

/* ---- Cuts at every row --------------------------------------------------------------------- */

enum { LINES = 40 };

typedef void (*row_writer)(FILE *file, size_t t);

static void write_with(row_writer put, const char *name, size_t from, size_t to) {
    FILE *file = fopen(scratch_path(name), "wb");
    assert_non_null(file);
    fputs("id,a,y\n", file);
    for (size_t t = from; t < to; t++) put(file, t);
    fclose(file);
}

/* Targets are missing for up to five rows in a row. */
static void put_gaps(FILE *file, size_t t) {
    if (t % 9 < 5)
        fprintf(file, "%zu,%.17g,\n", t, table[t][0]);
    else
        fprintf(file, "%zu,%.17g,%.17g\n", t, table[t][0], table[t][2]);
}

/* Every second line brings a label, three rows late; half of the labels are lost. */
static void put_late(FILE *file, size_t t) {
    const size_t step = t / 2;
    if (t % 2 == 0)
        fprintf(file, "row %zu,%.17g,\n", step, table[step][0]);
    else if (step >= 3 && step % 4 < 2)
        fprintf(file, "row %zu,,%.17g\n", step - 3, table[step - 3][2]);
    else
        fputs("nobody,,1\n", file);
}

/* Lines from..to-1, after a snapshot if `load`; saves another if `save`. */
static void run_lines(row_writer put, const char *settings, size_t from, size_t to,
                      hth_online_plan plan, const char *save) {
    write_with(put, "lines.csv", from, to);
    if (run_plan("lines.csv", settings, plan, save) != HTH_OK)
        fail_msg("%s, lines %zu to %zu: %s", settings, from, to, error.message);
}

/* The stream of lines from..LINES-1, cut at each of them, is the unbroken one. */
static void cut_everywhere(row_writer put, const char *settings, size_t from,
                           hth_online_plan plan) {
    static char loads[300];
    static told whole;
    snprintf(loads, sizeof loads, "%s", scratch_path("cut.safetensors"));
    const hth_online_plan on = {.load = loads, .freeze = plan.freeze};
    run_lines(put, settings, from, LINES, plan, NULL);
    whole = got;
    assert_true(whole.forecast[whole.count - 1][0] != 0);
    for (size_t cut = from + 1; cut < LINES; cut++) {
        run_lines(put, settings, from, cut, plan, "cut.safetensors");
        const size_t before = got.count;
        assert_true(same_forecasts(&whole, 0, before));
        run_lines(put, settings, cut, LINES, on, NULL);
        assert_int_equal(before + got.count, whole.count);
        assert_memory_equal(whole.forecast[before], got.forecast,
                            got.count * sizeof got.forecast[0]);
        assert_memory_equal(&got.score, &whole.score, sizeof got.score);
        assert_int_equal(got.lost, whole.lost);
        assert_int_equal(got.dropped, whole.dropped);
    }
}

static const char *const learners[] = {"learner=rflo cell=rate", "learner=rtrl learner.steps=3",
                                       "learner=uoro cell=rate", "learner=tbptt learner.steps=4",
                                       "learner=f-bptt learner.steps=2 learner.window=6"};

/* Steps without an answer leave a gradient that waits for its update: the snapshot has it, too. */
static void a_snapshot_is_taken_while_answers_are_missing(void **state) {
    (void)state;
    char settings[300];
    for (size_t i = 0; i < HTH_COUNT(learners); i++) {
        snprintf(settings, sizeof settings, "data.inputs=a data.target=y %s", learners[i]);
        cut_everywhere(put_gaps, settings, 0, (hth_online_plan){0});
        snprintf(settings, sizeof settings,
                 "data.id=id data.inputs=a data.target=y data.ahead=0 data.late=4 %s", learners[i]);
        cut_everywhere(put_late, settings, 0, (hth_online_plan){0});
    }
}

/* Frozen, a stream costs no learning and leaves nothing that waits for it; it may be cut and thawed at any row. */
static void a_snapshot_is_taken_while_frozen(void **state) {
    (void)state;
    char settings[300], loads[2][300];
    static told whole;
    snprintf(loads[0], sizeof loads[0], "%s", scratch_path("before.safetensors"));
    snprintf(loads[1], sizeof loads[1], "%s", scratch_path("cut.safetensors"));
    const hth_online_plan frozen = {.load = loads[0], .freeze = true},
                          again = {.load = loads[1], .freeze = true}, thawed = {.load = loads[1]};
    for (size_t i = 0; i < HTH_COUNT(learners); i++) {
        snprintf(settings, sizeof settings,
                 "data.id=id data.inputs=a data.target=y data.ahead=0 data.late=4 %s", learners[i]);
        run_lines(put_late, settings, 0, 15, (hth_online_plan){0}, "before.safetensors");
        cut_everywhere(put_late, settings, 15, frozen);
        /* Frozen from 15 to 30, in one go and cut, then thawed. */
        run_lines(put_late, settings, 15, 30, frozen, "cut.safetensors");
        run_lines(put_late, settings, 30, LINES, thawed, NULL);
        whole = got;
        for (size_t cut = 16; cut < 30; cut++) {
            run_lines(put_late, settings, 15, cut, frozen, "cut.safetensors");
            run_lines(put_late, settings, cut, 30, again, "cut.safetensors");
            run_lines(put_late, settings, 30, LINES, thawed, NULL);
            assert_true(same_forecasts(&whole, 0, whole.count));
        }
        run_lines(put_late, settings, 15, 30, frozen, "cut.safetensors"); /* the control */
        run_lines(put_late, settings, 30, LINES, again, NULL);
        assert_false(same_forecasts(&whole, 0, whole.count));
    }
}

/* ---- Answers that come late, and what is missing ------------------------------------------- */

/* Targets that come three rows late under the row's name are learned as those of data.ahead=3, in the same order. */
static void late_answers_find_their_row(void **state) {
    (void)state;
    static told ahead;
    FILE *named = fopen(scratch_path("named.csv"), "wb"),
         *plain = fopen(scratch_path("plain.csv"), "wb");
    fputs("id,a,y\n", named);
    fputs("a,y\n", plain);
    for (size_t t = 0; t < ROWS; t++) {
        const double late = t >= 3 ? table[t - 3][2] : NAN;
        fprintf(named, "row %zu,%.17g,\n", t, table[t][0]);
        if (t >= 3) fprintf(named, "row %zu,,%.17g\n", t - 3, late);
        fprintf(plain, t >= 3 ? "%.17g,%.17g\n" : "%.17g,\n", table[t][0], late);
    }
    fputs("row 2,,1\nnobody,,1\n", named); /* forgotten, and never seen */
    fclose(named);
    fclose(plain);
    run_stream("plain.csv", "data.inputs=a data.target=y data.ahead=3 data.standardise=false");
    ahead = got;
    run_stream(
        "named.csv",
        "data.id=id data.inputs=a data.target=y data.ahead=0 data.late=3 data.standardise=false");
    assert_int_equal(got.count, ROWS);
    assert_int_equal(got.lost, 2);
    assert_true(same_forecasts(&ahead, 0, ROWS));
    assert_true(got.score.sum.of[HTH_OF_NETWORK][HTH_ERROR_FINE] ==
                ahead.score.sum.of[HTH_OF_NETWORK][HTH_ERROR_FINE]);
    run_stream(
        "named.csv",
        "data.id=id data.inputs=a data.target=y data.ahead=0 data.late=2 data.standardise=false");
    assert_int_equal(got.lost, ROWS - 3 + 2); /* the control: all come too late */
    assert_false(same_forecasts(&ahead, 0, ROWS));
}

/* A name is free when it has its answer: then rows of names that come back are those of names that do not. */
static void a_name_is_free_after_its_answer(void **state) {
    (void)state;
    static const char settings[] = "data.id=id data.inputs=a data.target=y data.ahead=0";
    static told other;
    for (int reused = 0; reused < 2; reused++) {
        FILE *file = fopen(scratch_path("t.csv"), "wb");
        assert_non_null(file);
        fputs("id,a,y\n", file);
        for (int t = 0; t < ROWS; t++) {
            const int name = reused ? t % 2 : t;
            fprintf(file, "p%d,%.17g,\n", name, table[t][0]);
            if (t % 3 == 0) fprintf(file, "p%d,9,\n", name); /* it still waits: dropped */
            fprintf(file, "p%d,,%.17g\n", name, table[t][2]);
        }
        fclose(file);
        run_stream("t.csv", settings);
        assert_int_equal(got.count, ROWS);
        assert_int_equal(got.dropped, ROWS / 3);
        assert_int_equal(got.lost, 0);
        if (!reused) other = got;
    }
    assert_true(same_forecasts(&other, 0, ROWS));
    assert_memory_equal(&got.score, &other.score, sizeof got.score);
}

static void missing_numbers_are_held_or_masked(void **state) {
    (void)state;
    static told full;
    FILE *file = fopen(scratch_path("gaps.csv"), "wb"),
         *filled = fopen(scratch_path("filled.csv"), "wb");
    fputs("a,b,y\n", file);
    fputs("a,b,y\n", filled);
    for (size_t t = 0; t < ROWS; t++) {
        const bool gap = t % 4 == 3;
        fprintf(file, gap ? "NaN,%.17g,%.17g\n" : "%3$.17g,%1$.17g,%2$.17g\n", table[t][1],
                table[t][2], table[t][0]);
        fprintf(filled, "%.17g,%.17g,%.17g\n", table[gap ? t - 1 : t][0], table[t][1], table[t][2]);
    }
    fclose(file);
    fclose(filled);
    run_stream("filled.csv", "data.inputs=a,b data.target=y data.standardise=false");
    full = got;
    run_stream("gaps.csv", "data.inputs=a,b data.target=y data.standardise=false");
    assert_true(same_forecasts(&full, 0, ROWS));
    run_stream("gaps.csv",
               "data.inputs=a,b data.target=y data.standardise=false data.missing=mask");
    assert_int_equal(got.count, ROWS);
    assert_false(same_forecasts(&full, 0, ROWS));
    assert_int_equal(run_plan("gaps.csv", "data.inputs=a,b data.target=y data.missing=refuse",
                              (hth_online_plan){0}, NULL),
                     HTH_INVALID);
    assert_string_equal(
        error.message,
        "line 5, column a: a value is missing; data.missing=hold or mask takes such rows");
}

/* ---- Scores -------------------------------------------------------------------------------- */

/* Forecasts of the network, of the last value and of the mean, by hand; rows without a target count for none. */
static void scores_are_sums_by_hand(void **state) {
    (void)state;
    FILE *file = fopen(scratch_path("t.csv"), "wb");
    fputs("a,y\n", file);
    for (size_t t = 0; t < ROWS; t++)
        fprintf(file, t % 5 == 4 ? "%.17g,\n" : "%.17g,%.17g\n", table[t][0], table[t][2]);
    fclose(file);
    run_stream("t.csv", "data.inputs=a data.target=y data.ahead=2");
    double sums[HTH_FORECASTERS][2] = {{0}}, fading = 0, faded = 0, last[ROWS], mean[ROWS],
           known = NAN, total = 0;
    size_t count = 0, answers = 0;
    for (size_t t = 0; t < ROWS; t++) {
        const double y = table[t][2];
        if (t % 5 != 4) {
            known = y;
            total += y;
            count++;
        }
        last[t] = known;
        mean[t] = total / (double)count;
        if (t < 2 || t % 5 == 4) continue;
        const double forecasts[] = {got.forecast[t - 2][0], last[t - 2], mean[t - 2]};
        for (size_t f = 0; f < HTH_FORECASTERS; f++) {
            sums[f][HTH_ERROR_FINE] += pow(forecasts[f] - y, 2);
            sums[f][HTH_ERROR_PLAIN] += fabs(forecasts[f] - y);
        }
        fading = 0.999 * fading + fabs(forecasts[0] - y);
        faded = 0.999 * faded + 1;
        answers++;
    }
    const hth_row_errors all = hth_online_score_mean(&got.score, HTH_SCORE_ALL),
                         window = hth_online_score_mean(&got.score, HTH_SCORE_OF_WINDOW),
                         old = hth_online_score_mean(&got.score, HTH_SCORE_FADED);
    assert_true(got.score.count == (double)answers && answers > 40);
    for (size_t f = 0; f < HTH_FORECASTERS; f++)
        for (size_t e = 0; e < HTH_ERRORS; e++) {
            const double expected = sums[f][e] / (double)answers;
            assert_true(fabs(all.of[f][e] - expected) < 1e-12 && expected > 1e-3);
            assert_true(fabs(window.of[f][e] - expected) < 1e-12);
        }
    assert_true(fabs(old.of[0][HTH_ERROR_PLAIN] - fading / faded) < 1e-12);
    assert_true(fabs(fading / faded - all.of[0][HTH_ERROR_PLAIN]) > 1e-9);
}

/* A window forgets: after 1000 answers more, those before count no more. */
static void a_window_forgets(void **state) {
    (void)state;
    static hth_online_score score;
    hth_row_errors big = {0}, small = {0};
    big.of[0][HTH_ERROR_PLAIN] = 5;
    small.of[0][HTH_ERROR_PLAIN] = 1;
    for (size_t i = 0; i < 1500; i++) hth_online_score_add(&score, i < 500 ? &big : &small);
    assert_true(hth_online_score_mean(&score, HTH_SCORE_OF_WINDOW).of[0][HTH_ERROR_PLAIN] == 1);
    assert_true(fabs(hth_online_score_mean(&score, HTH_SCORE_ALL).of[0][HTH_ERROR_PLAIN] -
                     3500.0 / 1500) < 1e-12);
    hth_online_score_add(&score, &big);
    assert_true(fabs(hth_online_score_mean(&score, HTH_SCORE_OF_WINDOW).of[0][HTH_ERROR_PLAIN] -
                     1.004) < 1e-12);
}

static void an_error_that_rises_is_told(void **state) {
    (void)state;
    static hth_online_score score;
    size_t at = 0;
    for (size_t i = 0; i < 2000 && !at; i++)
        if (hth_online_drifts(&score, (i < 1000 ? 1 : 3) + 0.5 * sin(7.0 * (double)i), 20)) at = i;
    assert_true(at > 1000 && at < 1020);
    /* The control: without a rise nothing is told. */
    score = (hth_online_score){0};
    for (size_t i = 0; i < 5000; i++)
        assert_false(hth_online_drifts(&score, 1 + 0.5 * sin(7.0 * (double)i), 20));
}

/* A stream tells it at its row. */
static void a_stream_tells_of_drift(void **state) {
    (void)state;
    const hth_online_plan plan = {.drift = 20};
    FILE *file = fopen(scratch_path("t.csv"), "wb");
    assert_non_null(file);
    for (int t = 0; t < MOST; t++)
        fprintf(file, "%d,%g\n", t % 7, t < MOST / 2 ? t % 2 : 50.0 * (t % 3));
    fclose(file);
    assert_int_equal(
        run_plan("t.csv", "data.target=2 data.ahead=0 data.standardise=false", plan, NULL), HTH_OK);
    assert_true(got.drifted && got.drifted_at > MOST / 2 && got.drifted_at < MOST / 2 + 10);
    assert_int_equal(run_plan("t.csv", "data.target=2 data.ahead=0 data.standardise=false",
                              (hth_online_plan){0}, NULL),
                     HTH_OK);
    assert_false(got.drifted); /* the control: nobody looks */
}

/* Rows that cannot be taken change nothing: with the right one after a refusal the stream is as if it had not been. */
static void a_refused_row_changes_nothing(void **state) {
    (void)state;
    static told whole;
    static const char settings[] = "data.inputs=a,b data.target=b data.missing=refuse";
    write_rows("t.csv", "%.17g,%.17g,%.17g\n", "a,b,y\n", 0, ROWS);
    write_rows("part.csv", "%.17g,%.17g,%.17g\n", "a,b,y\n", 0, 20);
    write_rows("rest.csv", "%.17g,%.17g,%.17g\n", "a,b,y\n", 20, ROWS);
    run_stream("t.csv", settings);
    whole = got;
    static const char *const bad[] = {"3,,1\n", "3,1e200,1\n"};
    for (size_t i = 0; i < 2; i++) {
        FILE *file = fopen(scratch_path("part.csv"), "ab");
        assert_non_null(file);
        fputs(bad[i], file);
        fclose(file);
        hth_online_plan on = {.load = i ? scratch_path("s.safetensors") : NULL,
                              .from_start = i > 0};
        assert_int_equal(run_plan("part.csv", settings, on, "s.safetensors"), HTH_INVALID);
        on = (hth_online_plan){.load = scratch_path("s.safetensors")};
        write_rows("part.csv", "%.17g,%.17g,%.17g\n", "a,b,y\n", 0, 20);
        if (run_plan("rest.csv", settings, on, NULL) != HTH_OK) fail_msg("%s", error.message);
        assert_true(same_forecasts(&whole, 20, ROWS - 20));
    }
}

/* Classes by name and by number are the same stream; probabilities are softmax of what learns them. */
static void classes_have_probabilities(void **state) {
    (void)state;
    static told by_number;
    FILE *numbers = fopen(scratch_path("numbers.csv"), "wb"),
         *names = fopen(scratch_path("names.csv"), "wb");
    fputs("a,y\n", numbers);
    fputs("a,y\n", names);
    for (size_t t = 0; t < MOST; t++) {
        const int class = table[t][0] > 0;
        fprintf(numbers, "%.17g,%d\n", table[t][0], class);
        fprintf(names, "%.17g,%s\n", table[t][0], class ? "up" : "down");
    }
    fclose(numbers);
    fclose(names);
    run_stream("numbers.csv",
               "data.target=y data.ahead=0 data.classes=2 loss=softmax optimiser.lr=0.02");
    by_number = got;
    for (size_t t = 0; t < MOST; t++)
        assert_true(fabs(got.forecast[t][0] + got.forecast[t][1] - 1) < 1e-6);
    assert_true(got.score.sum.of[HTH_OF_NETWORK][HTH_ERROR_PLAIN] < 0.3 * MOST);
    assert_true(got.score.sum.of[HTH_OF_MEAN][HTH_ERROR_PLAIN] > 0.3 * MOST);
    run_stream("names.csv",
               "data.target=y data.ahead=0 data.classes=down,up loss=softmax optimiser.lr=0.02");
    assert_true(same_forecasts(&by_number, 0, MOST));
    /* A snapshot knows which class is which. */
    const hth_online_plan on = {.load = scratch_path("s.safetensors")};
    assert_int_equal(run_plan("names.csv",
                              "data.target=y data.ahead=0 data.classes=down,up loss=softmax",
                              (hth_online_plan){0}, "s.safetensors"),
                     HTH_OK);
    assert_int_equal(run_plan("names.csv",
                              "data.target=y data.ahead=0 data.classes=up,down loss=softmax", on,
                              NULL),
                     HTH_MISMATCH);
    assert_int_equal(run_plan("names.csv",
                              "data.target=y data.ahead=0 data.classes=down,up loss=softmax", on,
                              NULL),
                     HTH_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_a_plain_loop),
        cmocka_unit_test(a_frozen_stream_learns_nothing),
        cmocka_unit_test(all_formats_say_the_same),
        cmocka_unit_test(a_snapshot_goes_on_with_the_same_bits),
        cmocka_unit_test(a_snapshot_is_taken_while_answers_are_missing),
        cmocka_unit_test(a_snapshot_is_taken_while_frozen),
        cmocka_unit_test(a_snapshot_of_something_else_is_refused),
        cmocka_unit_test(a_snapshot_that_diverged_is_not_made),
        cmocka_unit_test(late_answers_find_their_row),
        cmocka_unit_test(a_name_is_free_after_its_answer),
        cmocka_unit_test(missing_numbers_are_held_or_masked),
        cmocka_unit_test(scores_are_sums_by_hand),
        cmocka_unit_test(a_window_forgets),
        cmocka_unit_test(an_error_that_rises_is_told),
        cmocka_unit_test(classes_have_probabilities),
        cmocka_unit_test(a_stream_tells_of_drift),
        cmocka_unit_test(a_refused_row_changes_nothing),
    };
    return cmocka_run_group_tests(tests, setup, scratch_remove);
}
