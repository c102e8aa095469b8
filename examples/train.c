/*
 * The Add task, made by hand and learned online, one step at a time, by real-time recurrent learning: a coin is thrown at
 * each step, and y is to be 0.5 + 0.5 x(t - 3) - 0.25 x(t - 6) (after Pitis 2016). Prints how the loss goes down.
 *
 *     cc -std=c11 train.c $(pkg-config --cflags --libs hitherto) && ./a.out
 */
#include <hitherto.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 10000, REPORT = 2000, MEMORY = 7 };

/* learner.name may be any other: rflo, uoro, snap1, eprop1, or tbptt with .steps = 10 in the plan. */
static const hth_setting settings[] = {
    {"cell.name", "rate", NULL},      {"network.units", "16", NULL},
    {"loss.name", "mse", NULL},       {"learner.name", "rtrl", NULL},
    {"optimiser.name", "adam", NULL}, {"optimiser.lr", "0.003", NULL},
};

/* Every call that can fail says in a sentence what is wrong. */
static void check(hth_status status, const hth_error *error) {
    if (status == HTH_OK) return;
    fprintf(stderr, "%s\n", error->message);
    exit(EXIT_FAILURE);
}

/* 0 or 1 with equal probability (xorshift: Marsaglia 2003). */
static hth_real coin(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return (hth_real)(*state & 1);
}

int main(void) {
    const hth_model_plan plan = {
        .abi = HTH_ABI,
        .settings = {settings, sizeof settings / sizeof *settings},
        .shape = {.inputs = 1, .outputs = 1, .target = HTH_TARGET_VALUES},
        .seed = 1,
        .steps = 1, /* K: an update after every step */
        .threads = 1,
    };
    hth_model *model;
    hth_error error;
    hth_report report = {0};
    hth_real x[MEMORY] = {0}; /* x[k] is what came k steps ago */
    uint32_t random = 2463534242u;

    check(hth_model_create(&plan, NULL, &model, &error), &error);
    for (int t = 1; t <= STEPS; t++) {
        for (int k = MEMORY - 1; k > 0; k--) x[k] = x[k - 1];
        x[0] = coin(&random);
        const hth_real target = (hth_real)(0.5 + 0.5 * x[3] - 0.25 * x[6]);
        check(hth_model_predict(model, x, NULL, NULL, &error), &error);
        check(hth_model_learn(model, &(hth_answer){.targets = &target}, &report, &error), &error);
        if (t % REPORT != 0) continue;
        printf("step %5d: loss %.4f\n", t, report.loss / report.weight);
        report = (hth_report){0};
    }
    hth_model_destroy(model);
    return 0;
}
