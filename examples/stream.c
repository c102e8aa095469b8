/* Predict, then learn, on a stream that never ends, with labels that come late: at every step the network says what will
 * be AHEAD steps later, and is told so much later whether it was right. Online, by RTRL. Prints the mean squared error of
 * each stretch, beside that of "it stays as it is". */
#include <hitherto.h>
#include <math.h>
#include <stdio.h>

enum { AHEAD = 5, STEPS = 10000, STRETCH = 2500 };

static const hth_setting settings[] = {{"cell.name", "gru", NULL},
                                       {"network.units", "12", NULL},
                                       {"learner.name", "rtrl", NULL},
                                       {"optimiser.lr", "0.003", NULL}};

static hth_real signal(int t) {
    return (hth_real)(sin(0.31 * t) * sin(0.017 * t));
}

int main(void) {
    const hth_model_plan plan = {.abi = HTH_ABI,
                                 .settings = {settings, 4},
                                 .shape = {.inputs = 1, .outputs = 1},
                                 .late = AHEAD, /* how late a label may come */
                                 .threads = 1};
    hth_model *model;
    hth_error error;
    hth_report report = {0};
    double naive = 0;
    hth_status status = hth_model_create(&plan, NULL, &model, &error);
    if (status) return fprintf(stderr, "%s\n", error.message), 1;
    for (int t = 0; t < STEPS && !status; t++) {
        const hth_real now = signal(t), then = signal(t - AHEAD);
        hth_real forecast;
        status = hth_model_predict(model, &now, NULL, &forecast, &error);
        const hth_answer late = {.targets = &now,
                                 .late = AHEAD}; /* of the forecast AHEAD steps ago */
        if (!status && t >= AHEAD) status = hth_model_learn(model, &late, &report, &error);
        naive += (now - then) * (now - then);
        if (t % STRETCH != STRETCH - 1) continue;
        printf("to step %5d: error %.4f, of no change %.4f\n", t + 1,
               2 * report.loss / report.weight, naive / STRETCH);
        report = (hth_report){0};
        naive = 0;
    }
    hth_model_destroy(model);
    return status ? (fprintf(stderr, "%s\n", error.message), 1) : 0;
}
