/* A model in memory of the program's own, as on a microcontroller: malloc is never called, neither when the model is made
 * nor later. Eight leaky units learn online to say what they heard two steps ago. Prints what each part takes. */
#include <hitherto.h>
#include <stdio.h>

enum { STEPS = 6000, STRETCH = 2000 };

/* A library built with HTH_CORE_ONLY, as for a microcontroller, needs 12 KB. One with vector kernels needs about 800 KB,
 * 1.6 MB in double precision, most of it for its products. */
static unsigned char memory[2048 * 1024];

static const hth_setting settings[] = {{"cell.name", "rate", NULL},
                                       {"network.units", "8", NULL},
                                       {"learner.name", "rtrl", NULL},
                                       {"optimiser.name", "sgd", NULL},
                                       {"optimiser.lr", "0.05", NULL}};

/* 1 or -1 (xorshift: Marsaglia 2003). */
static hth_real coin(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state & 1 ? 1 : -1;
}

static void print_sizes(const hth_model_sizes *s) {
    printf("%lu bytes: model %lu, compute %lu, network %lu, tape %lu, learner %lu, gradient %lu, "
           "optimiser %lu\n",
           (unsigned long)s->total, (unsigned long)s->model, (unsigned long)s->compute,
           (unsigned long)s->network, (unsigned long)s->tape, (unsigned long)s->learner,
           (unsigned long)s->gradient, (unsigned long)s->optimiser);
}

int main(void) {
    const hth_model_plan plan = {.abi = HTH_ABI,
                                 .settings = {settings, 5},
                                 .shape = {.inputs = 1, .outputs = 1},
                                 .threads = 1};
    hth_model *model;
    hth_error error;
    hth_report report = {0};
    hth_real heard[3] = {0, 0, 0};
    uint32_t random = 2463534242u;
    hth_status status = hth_model_place(&plan, memory, sizeof memory, &model, &error);
    if (status) return printf("%s\n", error.message), 1; /* says how many bytes it needs */
    print_sizes(hth_model_sizes_of(model));
    for (int t = 1; t <= STEPS && !status; t++) {
        heard[2] = heard[1];
        heard[1] = heard[0];
        heard[0] = coin(&random);
        const hth_answer answer = {.targets = &heard[2]};
        status = hth_model_predict(model, &heard[0], NULL, NULL, &error);
        if (!status) status = hth_model_learn(model, &answer, &report, &error);
        if (t % STRETCH != 0) continue;
        printf("step %4d: loss %.4f\n", t, report.loss / report.weight);
        report = (hth_report){0};
    }
    if (status) printf("%s\n", error.message);
    hth_model_destroy(model);
    return status != HTH_OK;
}
