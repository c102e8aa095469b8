/* Predict, then learn, on a stream that never ends, with labels that come late: at every step the network says what will
 * be AHEAD steps later, and is told so much later what was. Online, by RTRL. Prints the mean squared error of each
 * stretch; that of "it stays as it is" is 0.4. */
#include <hitherto.h>
#include <math.h>
#include <stdio.h>

enum { AHEAD = 5, STEPS = 10000, STRETCH = 2500 };

int main(void) {
    static const hth_setting settings[] = {{"cell.name", "gru", NULL},
                                           {"network.units", "12", NULL},
                                           {"learner.name", "rtrl", NULL},
                                           {"optimiser.lr", "0.003", NULL}};
    const hth_model_plan plan = {.abi = HTH_ABI,
                                 .settings = {settings, 4},
                                 .shape = {.inputs = 1, .outputs = 1},
                                 .late = AHEAD, /* how late a label may come */
                                 .threads = 1};
    hth_model *model = NULL;
    hth_error error = {0};
    hth_report report = {0};
    hth_model_create(&plan, NULL, &model, &error);
    for (int t = 0; t < STEPS && !error.status; t++) {
        const hth_real now = (hth_real)(sin(0.31 * t) * sin(0.017 * t));
        const hth_answer late = {.targets = &now, .late = AHEAD}; /* to the forecast then */
        hth_real forecast;
        hth_model_predict(model, &now, NULL, &forecast, &error);
        if (!error.status && t >= AHEAD) hth_model_learn(model, &late, &report, &error);
        if (t % STRETCH != STRETCH - 1) continue;
        printf("to step %5d: error %.4f\n", t + 1, 2 * report.loss / report.weight);
        report = (hth_report){0};
    }
    if (error.status) printf("%s\n", error.message);
    hth_model_destroy(model);
    return error.status != HTH_OK;
}
