/* `hitherto report`: one well-formed page of a run or a comparison, with nothing in it that runs or is fetched, and the
 * commands in it make the same again. */
#include "cli/cli.h"
#include "cli/markup.h"
#include "cli/program.h"

static char page[4 << 20];

static void read_page(const char *path) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t length = fread(page, 1, sizeof page - 1, file);
    page[length] = '\0';
    fclose(file);
    assert_true(length < sizeof page - 1);
    const char *fault = markup_fault(page);
    if (fault) fail_msg("not well-formed at: %.80s", fault);
    static const char *const none[] = {"<script", "javascript:", " onload", "<link", "<img",
                                       "src=",    "href=",       "@import", "url("};
    for (size_t i = 0; i < HTH_COUNT(none); i++)
        if (strstr(page, none[i])) fail_msg("the page has '%s'", none[i]);
    assert_memory_equal(page, "<!DOCTYPE html>\n", 16);
    assert_non_null(strstr(page, "width=device-width"));
}

static void has(const char *text) {
    if (!strstr(page, text)) fail_msg("the page has no '%s'", text);
}

/* The block of code number `index`, as a reader copies it; valid until the next call. */
static const char *code_of(size_t index) {
    static const char *const entities[][2] = {
        {"&quot;", "\""}, {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&#39;", "'"}};
    static char code[8192];
    const char *at = page;
    size_t used = 0;
    for (size_t i = 0; i <= index; i++) {
        at = strstr(at, "<pre>");
        if (!at) fail_msg("there is no block %zu", index);
        at += 5;
    }
    while (strncmp(at, "</pre>", 6) != 0 && used + 1 < sizeof code) {
        size_t length = 1;
        char letter = *at;
        for (size_t i = 0; i < HTH_COUNT(entities); i++)
            if (strncmp(at, entities[i][0], strlen(entities[i][0])) == 0) {
                length = strlen(entities[i][0]);
                letter = entities[i][1][0];
            }
        code[used++] = letter;
        at += length;
    }
    code[used] = '\0';
    return code;
}

/* `hitherto ...` as a shell takes it. */
static void run_code(const char *code, const char *more) {
    char line[10000];
    assert_int_equal(strncmp(code, "hitherto ", 9), 0);
    snprintf(line, sizeof line, "%s %s %s >out.txt 2>err.txt", HTH_PROGRAM, code + 9, more);
    if (system(line) != 0) {
        read_whole("err.txt", said.err);
        fail_msg("%s: %s", line, said.err);
    }
}

/* ---- Runs ----------------------------------------------------------------------------------- */

static void test_a_run(void **state) {
    (void)state;
    static char losses[2][SAID_LENGTH];
    RUN("train", "task=add", "loss=softmax", "learner=rflo", "network.units=6", "train.steps=1000",
        "train.align=200", "train.align_learners=rflo,uoro", "optimiser.lr=0.02", "--seed", "3",
        "--threads", "1", "--quiet", "--out", "r");
    assert_int_equal(said.code, 0);
    RUN("report", "r");
    assert_string_equal(said.err, "");
    assert_string_equal(said.out, "r/report.html\n");
    read_page("r/report.html");
    has("rflo learns add with cells rate: after 1000 time steps the test loss is 0.");
    has(" (nothing known).");
    has("<td data-label=\"setting\">network.units</td><td data-label=\"value\">6</td>");
    has("<td data-label=\"setting\">train.seed</td><td data-label=\"value\">3</td>");
    has("<td data-label=\"learner\">uoro</td>"); /* how near to the exact gradient */
    has("class=\"narrow\"");
    has(hth_version());
    has(hth_level_name());
    assert_null(strstr(page, "cell.phi")); /* a default */
    run_code(code_of(0), "--threads 1 --quiet --out again");
    RUN("eval", "r");
    memcpy(losses[0], said.out, sizeof losses[0]);
    RUN("eval", "again");
    assert_string_equal(said.out, losses[0]);
}

/* The sentence on a run says its metric too, of the split whose loss it says. */
static void the_verdict_says_the_metric(void **state) {
    char sentence[80];
    (void)state;
    RUN("train", "task=store-recall", "task.periods=4", "task.period=20", "task.group=2",
        "network.units=6", "learner=bptt", "cell=gru", "train.sequences=20",
        "train.metric=accuracy", "--threads", "1", "--quiet", "--out", "r");
    assert_int_equal(said.code, 0);
    const char *told = strstr(said.out, "train accuracy");
    assert_non_null(told);
    RUN("report", "r");
    assert_int_equal(said.code, 0);
    snprintf(sentence, sizeof sentence, ", accuracy %.4g.",
             strtod(told + strlen("train accuracy"), NULL));
    read_page("r/report.html");
    has(sentence);
}

/* Whatever is in names: a folder, a label, a setting. */
static void test_texts_are_escaped(void **state) {
    (void)state;
    RUN("train", "task=pattern", "task.steps=30", "network.units=5", "cell=alif", "learner=eprop1",
        "train.sequences=3", "--threads", "1", "--quiet", "--out", "plain");
    assert_int_equal(said.code, 0);
    assert_int_equal(rename("plain", "renamed"), 0);
    assert_int_equal(symlink("renamed", "a <script>alert(1)<"), 0);
    RUN("report", "a <script>alert(1)<", "--out", "p.html");
    assert_string_equal(said.err, "");
    read_page("p.html");
    has("&lt;script&gt;alert(1)&lt;");
    has("adaptation a");
    char text[600];
    snprintf(text, sizeof text,
             "task: add\nloss: softmax\nnetwork: {units: 4}\ntrain: {steps: 300}\n"
             "compare: {seeds: 2}\narms:\n  'it''s %s': {learner: rflo}\n"
             "  \"\\e[31m\\xff end\": {learner: readout-only, optimiser.lr: 1e-3}\n",
             "<script>alert(2)</script> & \"q\" | x");
    write_whole("odd.yaml", text);
    RUN("compare", "odd.yaml", "--out", "odd", "--quiet");
    assert_int_equal(said.code, 0);
    RUN("report", "odd", "--out", "c.html");
    assert_string_equal(said.err, "");
    read_page("c.html");
    has("it&#39;s &lt;script&gt;alert(2)&lt;/script&gt; &amp; &quot;q&quot; | x");
}

/* ---- Comparisons ---------------------------------------------------------------------------- */

static void test_a_comparison(void **state) {
    (void)state;
    static char tables[2][SAID_LENGTH];
    write_whole("a.yaml", "task: add\nloss: softmax\nnetwork: {units: 5}\n"
                          "train: {steps: 600, validate_every: -1}\ncompare: {seeds: [2, 5]}\n"
                          "arms:\n  \"BPTT: 4 \\\"steps\\\"\": {learner: tbptt, learner.steps: 4}\n"
                          "  fixed W: {learner: readout-only}\n"
                          "vary: {optimiser.momentum: [0.5, 0.9]}\noptimiser: momentum\n");
    RUN("compare", "a.yaml", "--out", "a", "--quiet");
    assert_int_equal(said.code, 0);
    RUN("report", "a", "--out", "a.html");
    assert_string_equal(said.err, "");
    read_page("a.html");
    has(" ends lowest of ");
    has("standard errors");
    has("nothing known");
    has("Arms update their weights unequally often");
    has("every 4 steps");
    /* The file and the command make the same numbers. */
    write_whole("comparison.yaml", code_of(0));
    run_code(code_of(1), "--quiet");
    read_whole("a/table.csv", tables[0]);
    read_whole("again/table.csv", tables[1]);
    for (size_t i = 0; i < 2; i++) assert_true(strlen(tables[i]) > 200);
    assert_non_null(strstr(tables[1], "fixed W, momentum 0.9"));
    /* Of the first variant of BPTT: from its finished runs on. */
    const char *first = strstr(strchr(tables[0], '\n'), ",2,0,0,0,,");
    const char *same = strstr(strchr(tables[1], '\n'), ",2,0,0,0,,");
    assert_non_null(first);
    assert_non_null(same);
    const size_t digits = strcspn(first + 10, ",");
    assert_memory_equal(first, same, 10 + digits);
    assert_true(digits > 10);
}

/* The cosine of an arm's row of layer0.weight. */
static double cosine_of(const char *arm) {
    char row[300];
    snprintf(row, sizeof row,
             "<td data-label=\"arm\">%s</td><td data-label=\"parameters\">layer0.weight</td><td "
             "data-label=\"cosine\">",
             arm);
    const char *at = strstr(page, row);
    if (!at) fail_msg("there is no row of %s", arm);
    return atof(at + strlen(row));
}

static size_t count_of(const char *text) {
    size_t count = 0;
    for (const char *at = page; (at = strstr(at, text)); at++) count++;
    return count;
}

/* How near each learner is to the exact gradient, on the weights that runs begin with, or end with where they were
 * kept. */
static void test_nearness_of_a_comparison(void **state) {
    (void)state;
    RUN("compare", "task=add", "loss=softmax", "network.units=5", "train.steps=300",
        "compare.learners=rtrl,rflo,uoro", "compare.seeds=2", "--out", "n", "--quiet");
    assert_int_equal(said.code, 0);
    RUN("report", "n", "--out", "n.html");
    assert_string_equal(said.err, "");
    read_page("n.html");
    assert_true(cosine_of("rtrl") == 1);
    const double initial = cosine_of("rflo");
    assert_true(initial > 0.1 && initial < 0.9999);
    assert_true(cosine_of("uoro") > 0);
    has("mean of 32; one is off by ");
    assert_int_equal(count_of("<td data-label=\"weights\">initial</td>"), 3);
    assert_null(strstr(page, "not kept")); /* no unit spikes: nothing is missed */
    RUN("compare", "task=add", "loss=softmax", "network.units=5", "train.steps=300",
        "compare.learners=rtrl,rflo", "compare.seeds=1", "compare.keep=true", "--out", "k",
        "--quiet");
    RUN("report", "k", "--out", "k.html");
    read_page("k.html");
    assert_int_equal(count_of("<td data-label=\"weights\">trained</td>"), 2);
    assert_true(cosine_of("rtrl") == 1 && cosine_of("rflo") != initial);
}

/* Rasters of kept runs whose units spike; where they are not kept, that is said. */
static void test_trials_of_a_comparison(void **state) {
    (void)state;
    static const char *const keep[] = {"compare.keep=false", "compare.keep=true"};
    for (int i = 0; i < 2; i++) {
        const char *out = i ? "kept" : "gone";
        RUN("compare", "task=pattern", "task.steps=40", "cell=lif", "network.units=6",
            "train.sequences=4", "compare.learners=eprop1,readout-only", "compare.seeds=2", keep[i],
            "--out", out, "--quiet");
        assert_int_equal(said.code, 0);
        RUN("report", out, "--out", "t.html");
        assert_string_equal(said.err, "");
        read_page("t.html");
        assert_int_equal(count_of(">spikes z</text>"), i ? 4 : 0); /* wide and narrow */
        assert_int_equal(count_of("The runs were not kept"), !i);
    }
    has(">eprop1, seed ");
}

/* What went wrong is said in words. */
static void test_a_comparison_that_diverged(void **state) {
    (void)state;
    RUN("compare", "task=add", "loss=mse", "optimiser=sgd", "network.units=6", "train.steps=400",
        "compare.learners=tbptt", "learner.steps=2", "compare.seeds=2",
        "vary.optimiser.lr=1e-3,1e6", "--out", "wild", "--quiet");
    assert_int_equal(said.code, 0);
    RUN("report", "wild", "--out", "wild.html");
    read_page("wild.html");
    has("tbptt, lr 1e-3 ends lowest of 1: training loss ");
    has("tbptt, lr 1e6 diverged with 2 of its seeds, after steps ");
    RUN("compare", "task=add", "loss=mse", "optimiser=sgd", "network.units=6", "train.steps=400",
        "learner=tbptt", "learner.steps=2", "compare.seeds=1", "optimiser.lr=1e6", "--out", "none",
        "--quiet");
    RUN("report", "none", "--out", "none.html");
    assert_string_equal(said.err, "");
    read_page("none.html");
    has("No run has finished yet.");
}

static void test_what_is_refused(void **state) {
    (void)state;
    assert_int_equal(mkdir("empty", 0777), 0);
    RUN("report", "empty");
    assert_string_equal(said.err, "hitherto: empty is the folder neither of a run nor of a "
                                  "comparison: it has no settings.yaml and no results.db\n");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    RUN("report");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    write_whole("empty/results.db", "");
    RUN("report", "empty", "--out", "x.html");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_false(is_there("x.html"));
    assert_false(is_there("x.html.tmp"));
    RUN("report", "empty", "--out", "no/where.html");
    assert_int_equal(said.code, CLI_BAD_INPUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_run),
        TEST(the_verdict_says_the_metric),
        TEST(test_texts_are_escaped),
        TEST(test_a_comparison),
        TEST(test_a_comparison_that_diverged),
        TEST(test_nearness_of_a_comparison),
        TEST(test_trials_of_a_comparison),
        TEST(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
