/*
 * The gradient against central differences, dE/dtheta ~ (E(theta + h) - E(theta - h)) / 2h.
 *
 * Of a block's entries half are drawn among those where the gradient is not 0 (an embedding has
 * thousands of rows that the sample does not touch) and half among all, to find derivatives that are
 * wrongly 0.
 */
#include "base/random.h"
#include "experiment/check.h"

#include <math.h>
#include <stdlib.h>

static const bool is_double = sizeof(hth_real) == sizeof(double);

/* From `at` on and around: the first entry that exists and, if wanted, has a gradient. */
static bool find_entry(const hth_block *block, const hth_real *mask, const hth_real *gradient,
                       bool not_zero, uint64_t *at) {
    const uint64_t count = block->rows * block->columns;
    for (uint64_t i = 0; i < count; i++) {
        const size_t entry = block->offset + (size_t)((*at + i) % count);
        if (mask[entry] == 0 || (not_zero && gradient[entry] == 0)) continue;
        *at = entry;
        return true;
    }
    return false;
}

static hth_status difference(const hth_subject *s, hth_tape *tape, size_t entry, hth_real *out,
                             double *noise, hth_error *error) {
    hth_real *theta = hth_network_parameters(s->network) + entry;
    const hth_real kept = *theta;
    const double scale = fabs((double)kept) > 1 ? fabs((double)kept) : 1;
    const double h = (is_double ? 1e-4 : 3e-3) * scale;
    const hth_real above = (hth_real)((double)kept + h), below = (hth_real)((double)kept - h);
    double up, down;
    *theta = above;
    hth_status status = hth_subject_loss(s, tape, &up, error);
    *theta = below;
    if (status == HTH_OK) status = hth_subject_loss(s, tape, &down, error);
    *theta = kept;
    if (status != HTH_OK) return status;
    const double width = (double)above - (double)below;
    *out = (hth_real)((up - down) / width);
    const double here = 8 * HTH_EPSILON * (fabs(up) + fabs(down)) / width;
    if (here > *noise) *noise = here;
    return HTH_OK;
}

/* Room for the two lists of numbers that are compared, and what is needed on the way. */
typedef struct bench {
    hth_tape *tape;
    hth_real *mask, *ours, *theirs;
} bench;

static hth_status check_block(hth_check_run *run, const hth_subject *s, const hth_block *block,
                              uint32_t index, size_t samples, const hth_real *gradient,
                              const bench *b, hth_error *error) {
    const uint64_t count = block->rows * block->columns;
    const hth_random random = {1, HTH_RANDOM_CHECK, index};
    size_t used = 0;
    double noise = 0;
    for (size_t i = 0; i < samples && !hth_check_stopped(run); i++) {
        uint64_t at = count <= samples ? i : hth_random_below(&random, i, count);
        if (i >= count || !find_entry(block, b->mask, gradient, count > samples && i % 2 == 0, &at))
            continue;
        b->ours[used] = gradient[at];
        HTH_TRY(difference(s, b->tape, (size_t)at, &b->theirs[used], &noise, error));
        used++;
    }
    if (used == 0) return HTH_OK;
    hth_nearness nearness = hth_nearness_of(b->ours, b->theirs, used);
    hth_check_report(run, "bptt = finite differences", block->name, &nearness,
                     is_double ? 1e-5 : 5e-2, noise);
    return HTH_OK;
}

static hth_status check_blocks(hth_check_run *run, const hth_subject *s, size_t samples,
                               const hth_real *gradient, const bench *b, hth_error *error) {
    size_t count;
    const hth_block *blocks = hth_network_blocks(s->network, &count);
    hth_parameter_mask(s->network, b->mask);
    for (size_t i = 0; i < count && !hth_check_stopped(run); i++)
        HTH_TRY(check_block(run, s, &blocks[i], (uint32_t)i, samples, gradient, b, error));
    return HTH_OK;
}

hth_status hth_check_differences(hth_check_run *run, const hth_subject *s, size_t samples,
                                 const hth_real *gradient, hth_error *error) {
    bench b = {0};
    HTH_TRY(hth_tape_create(s->network, s->sample->steps, s->sample->batch, s->compute, NULL,
                            &b.tape, error));
    b.mask = calloc(hth_network_parameter_count(s->network), sizeof *b.mask);
    b.ours = calloc(samples, sizeof *b.ours);
    b.theirs = calloc(samples, sizeof *b.theirs);
    hth_status status = b.mask && b.ours && b.theirs
                            ? check_blocks(run, s, samples, gradient, &b, error)
                            : hth_fail(error, HTH_NO_MEMORY, "not enough memory for the check");
    free(b.mask);
    free(b.ours);
    free(b.theirs);
    hth_tape_destroy(b.tape);
    return status;
}
