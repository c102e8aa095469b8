/* Lesions, dynamics and fields as typed: tables, pictures, numbers, and what is refused. */
#include "cli/cli.h"
#include "cli/program.h"

#define TRAIN                                                                                      \
    "train", "task=add", "task.lag1=2", "task.lag2=3", "network.units=4", "cell=gru",              \
        "learner=rtrl", "train.steps=500", "train.picture=false", "--threads", "1", "--quiet"

static int train_one(void **state) {
    if (enter_folder(state) != 0) return -1;
    RUN(TRAIN, "--out", "run"); /* of single precision, but where there is double alone */
    assert_int_equal(said.code, 0);
    return 0;
}

static size_t count_lines(const char *text) {
    size_t lines = 0;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

/* Whether a picture has all these words. */
static void assert_picture(const char *path, const char *const words[], size_t count) {
    read_whole(path, said.out);
    assert_non_null(strstr(said.out, "<svg"));
    for (size_t i = 0; i < count; i++)
        if (!strstr(said.out, words[i])) fail_msg("%s: no '%s'", path, words[i]);
}

static void test_lesions(void **state) {
    (void)state;
    static const char *const words[] = {"run, clamped to zero; most harmful: unit",
                                        "without a lesion"};
    RUN("lesion", "run", "--quiet", "--top", "2", "--out", "l.svg", "--csv", "l.csv");
    assert_int_equal(said.code, 0);
    assert_non_null(
        strstr(said.out, "units clamped to zero, one after the other, over 1000 steps"));
    assert_non_null(strstr(said.out, "  the network as it is  "));
    assert_non_null(strstr(said.out, "  and 2 more (--top, --csv)\n"));
    assert_picture("l.svg", words, 2);
    read_whole("l.csv", said.out);
    assert_int_equal(strncmp(said.out, "lesion,layer,unit,loss,metric,damage\nnone,,,", 44), 0);
    assert_int_equal(count_lines(said.out), 2 + 4);
    RUN("lesion", "run", "--quiet", "--of", "blocks", "--to", "noise", "--amount", "0.5");
    assert_non_null(strstr(said.out, "weights set to noise"));
    assert_non_null(strstr(said.out, "  gate u, from units  "));
    RUN("lesion", "run", "--quiet", "--groups", "0..1,3", "--to", "0.25");
    assert_non_null(strstr(said.out, "  units 0..1  "));
}

static void test_lesions_refused(void **state) {
    (void)state;
    REFUSED("option --of is 'cells', but must be one of units, groups, blocks", "lesion", "run",
            "--of", "cells");
    REFUSED("which groups? give --groups, such as 0..7,8+9+12", "lesion", "run", "--of", "groups");
    REFUSED("--groups are given, but --of is units", "lesion", "run", "--of", "units", "--groups",
            "0");
    REFUSED("option --to is 'none', but must be zero, mean, noise or a number", "lesion", "run",
            "--to", "none");
    REFUSED("--amount is of noise, but --to is mean", "lesion", "run", "--to", "mean", "--amount",
            "2");
    REFUSED("option --amount is '-1', but must be a positive number", "lesion", "run", "--to",
            "noise", "--amount", "-1");
    REFUSED(
        "the groups are '0..9', but must be such as 0..7,8+9+12: units of a layer that has 0..3",
        "lesion", "run", "--groups", "0..9", "--quiet");
    REFUSED("network.units (command line) is '5', but the network of the run has '4': leave it out",
            "lesion", "run", "network.units=5");
    REFUSED(
        "cell.name (command line) is 'lstm', but the network of the run has 'gru': leave it out",
        "lesion", "run", "cell=lstm");
    REFUSED("which run? hitherto lesion RUN, with the folder of a run", "lesion");
}

static void test_dynamics(void **state) {
    (void)state;
    if (!has_double()) skip();
    static const char *const words[] = {"|dE_t/dX_{t-k}|", "exp(lambda_1 k)",
                                        "Lyapunov exponents, the largest first",
                                        "sizes of the eigenvalues at rest points"};
    RUN("dynamics", "run", "--quiet", "--steps", "60", "--lags", "30", "--starts", "4", "--out",
        "d.svg", "--npz", "d.npz");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "mean over 60 steps with an error\n"));
    assert_non_null(strstr(said.out, "  90 % of it needs tapes of K = "));
    assert_null(strstr(said.out, " or more"));
    RUN("dynamics", "run", "--quiet", "--steps", "60", "--lags", "1", "--starts", "0");
    assert_non_null(strstr(said.out, " or more: at the last lag it has not faded (--lags)"));
    RUN("dynamics", "run", "--quiet", "--steps", "60", "--lags", "8", "--starts", "4", "--out",
        "d.svg", "--npz", "d.npz");
    assert_non_null(strstr(said.out, "Lyapunov exponents, in nats a step, over 50 steps\n"));
    assert_non_null(strstr(said.out, "Rest points, the input held: zero; from 4 states"));
    assert_true(is_there("d.npz"));
    assert_picture("d.svg", words, HTH_COUNT(words));
    RUN("train", "task=pattern", "task.steps=50", "network.units=6", "learner=eprop1", "cell=lif",
        "train.sequences=2", "cell.v_th=0.5", "train.picture=false", "--threads", "1", "--quiet",
        "--out", "spikes");
    RUN("dynamics", "spikes", "--quiet", "--steps", "50");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "There are no exponents and no fixed points"));
    /* Its sequences have 50 steps. */
    RUN("dynamics", "spikes", "--quiet", "--steps", "100", "--lags", "80");
    assert_non_null(strstr(said.out, ", where no sequence has an error after its step 50: a longer "
                                     "reach was not seen\n"));
    assert_null(strstr(said.out, " or more"));
    assert_null(strstr(said.out, "nan"));
    RUN("dynamics", "spikes", "--quiet", "--steps", "30", "--lags", "80");
    assert_non_null(
        strstr(said.out, " or more: only 30 steps of a sequence were seen (--steps)\n"));
    REFUSED("option --hold is 'one', but must be zero, mean or met", "dynamics", "run", "--hold",
            "one");
    REFUSED("option --npz is 'd.csv', but must end in .npz", "dynamics", "run", "--npz", "d.csv");
    REFUSED("no step counts: 5 steps were seen, and the first 10 of each sequence are left out",
            "dynamics", "run", "--steps", "5", "--quiet");
}

static void test_fields(void **state) {
    (void)state;
    if (!has_double()) skip();
    static const char *const words[] = {"unit 3: input before activity", "unit 3: slope dz/dx",
                                        "unit 3: best input, z reaches"};
    RUN("fields", "run", "--quiet", "--units", "3,0", "--steps", "60", "--lags", "4", "--out",
        "f.svg", "--npz", "f.npz");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "Fields of units over 2 inputs and lags 0 to 4"));
    assert_true(is_there("f.npz"));
    assert_picture("f.svg", words, HTH_COUNT(words));
    RUN("fields", "run", "--quiet", "--units", "3,0..2", "--steps", "60");
    assert_int_equal(count_lines(said.out), 3 + 4);
    static const char *const lists[] = {"0;1", "2..1", "0..", "0...2", "-1", "1,", "0..64"};
    for (size_t i = 0; i < HTH_COUNT(lists); i++) {
        char sentence[200];
        RUN("fields", "run", "--units", lists[i]);
        snprintf(sentence, sizeof sentence,
                 "hitherto: option --units is '%s', but must be at most 64 units with commas "
                 "between, such as 0,7..9\n",
                 lists[i]);
        assert_string_equal(said.err, sentence);
    }
    RUN("fields", "run", "--quiet", "--norm", "0.5", "--steps", "60", "--lags", "4");
    assert_int_equal(said.code, 0);
    REFUSED("option --norm is '-1', but must be a positive number", "fields", "run", "--norm=-1");
    REFUSED("there is no unit 4: layer 0 has 0..3", "fields", "run", "--units", "4", "--quiet");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lesions),
        cmocka_unit_test(test_lesions_refused),
        cmocka_unit_test(test_dynamics),
        cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, train_one, leave_folder);
}
