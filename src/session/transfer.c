/* The matrix of a run with phases: see transfer.h. */
#include "session/transfer.h"

#include <math.h>
#include <stdlib.h>

/* Numbers of the matrix and of its steps, which are one array. */
static size_t numbers(size_t phases) {
    return (phases + 1) * (phases + 1);
}

hth_status hth_transfer_create(size_t phases, hth_transfer *out, hth_error *error) {
    double *values = calloc(numbers(phases), sizeof *values);
    if (!values) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for %zu phases", phases);
    for (size_t i = 0; i < numbers(phases); i++) values[i] = NAN;
    *out = (hth_transfer){phases, values, values + (phases + 1) * phases};
    return HTH_OK;
}

void hth_transfer_destroy(hth_transfer *transfer) {
    free(transfer->values);
    *transfer = (hth_transfer){0};
}

size_t hth_transfer_state(const hth_transfer *t, hth_field *fields, size_t capacity) {
    if (t->phases == 0) return 0;
    if (capacity > 0)
        fields[0] = (hth_field){"phases", HTH_DTYPE_F64, numbers(t->phases), t->values, {0}};
    return 1;
}

/* The metric on phase `of` after `after` phases; 0: before any. */
static double at(const hth_transfer *t, size_t after, size_t of) {
    return t->values[after * t->phases + of];
}

/* The best metric on a phase before the last, for forgetting: above all others if more is better. */
static double best_before(const hth_transfer *t, size_t of, double sign) {
    double best = at(t, 1, of);
    for (size_t i = 2; i < t->phases; i++)
        if (sign * at(t, i, of) > sign * best) best = at(t, i, of);
    return best;
}

const char *const hth_transfer_names[HTH_TRANSFER_FACTS] = {"acc", "la", "bwt", "fwt",
                                                            "forgetting"};

hth_transfer_facts hth_transfer_nothing(void) {
    return (hth_transfer_facts){{NAN, NAN, NAN, NAN, NAN}};
}

hth_transfer_facts hth_transfer_sum_up(const hth_transfer *t, bool rises) {
    const size_t count = t->phases;
    const double sign = rises ? 1 : -1, others = (double)count - 1; /* 0 / 0 is NAN */
    hth_transfer_facts sum = {{0, 0, 0, 0, 0}};
    for (size_t j = 0; j < count; j++) {
        const double last = at(t, count, j), learned = at(t, j + 1, j);
        sum.of[HTH_ACC] += last / (double)count;
        sum.of[HTH_LA] += learned / (double)count;
        if (j + 1 < count) sum.of[HTH_BWT] += sign * (last - learned);
        if (j + 1 < count) sum.of[HTH_FORGETTING] += sign * (best_before(t, j, sign) - last);
        if (j > 0) sum.of[HTH_FWT] += sign * (at(t, j, j) - at(t, 0, j));
    }
    sum.of[HTH_BWT] /= others;
    sum.of[HTH_FWT] /= others;
    sum.of[HTH_FORGETTING] /= others;
    return sum;
}
