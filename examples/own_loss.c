/* A loss of one's own: the library asks for its derivative dE/dy alone. Here the pinball loss, whose smallest value is at a
 * quantile: the network learns a level that 90 % of what comes next stay below. Prints how many did. */
#include <hitherto.h>
#include <math.h>
#include <stdio.h>

enum { STEPS = 30000, STRETCH = 10000 };
static const double QUANTILE = 0.9;

static const hth_setting settings[] = {{"cell.name", "gru", NULL},
                                       {"network.units", "12", NULL},
                                       {"learner.name", "snap1", NULL},
                                       {"optimiser.lr", "0.003", NULL}};

/* Noise whose width goes up and down, so that there is something to foresee (xorshift: Marsaglia 2003). */
static hth_real next(int t, uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return (hth_real)((*state / 4294967296.0 - 0.5) * (1.2 + sin(0.2 * t)));
}

int main(void) {
    const hth_model_plan plan = {.abi = HTH_ABI,
                                 .settings = {settings, 4},
                                 .shape = {.inputs = 1, .outputs = 1},
                                 .threads = 1};
    hth_model *model;
    hth_error error;
    hth_report report = {0};
    hth_real x = 0, level, slope;
    uint32_t random = 2463534242u;
    int below = 0;
    hth_status status = hth_model_create(&plan, NULL, &model, &error);
    if (status) return fprintf(stderr, "%s\n", error.message), 1;
    for (int t = 1; t <= STEPS && !status; t++) {
        status = hth_model_predict(model, &x, NULL, &level, &error);
        x = next(t, &random);
        below += x < level;
        /* E = QUANTILE (x - y) where x is above y, else (1 - QUANTILE) (y - x) */
        slope = (hth_real)(x > level ? -QUANTILE : 1 - QUANTILE);
        const hth_answer answer = {.errors = &slope};
        if (!status) status = hth_model_learn(model, &answer, &report, &error);
        if (t % STRETCH != 0) continue;
        printf("to step %5d: %.1f %% below the level\n", t, 100.0 * below / STRETCH);
        below = 0;
    }
    hth_model_destroy(model);
    return status ? (fprintf(stderr, "%s\n", error.message), 1) : 0;
}
