/*
 * Compares the gradient with central differences, dE/dtheta ~ (E(theta + h) - E(theta - h)) / 2h.
 *
 * Half of a block's entries are drawn among those with a gradient other than 0: an embedding has thousands of rows
 * that the sample does not touch. The other half are drawn among all entries, to find derivatives that are wrongly
 * 0.
 *
 * Where E has a corner within h of theta, the quotient is wrong by up to h/4 of the jump of the derivative's slope
 * (E'' jumps at the three corners of the pseudo-derivative's triangle), and with h/2 by less than half of that. So
 * each entry is computed with h and with h/2, and h is halved again while the two disagree by more than a quarter
 * of the tolerance and rounding is not the cause. If no h is small enough, the entry is left out, and the user is
 * told. The losses alone decide this, never the gradient under test, so that a wrong derivative cannot hide. If
 * more than half of a block's entries would be left out, all are compared.
 */
#include "check/differences.h"

#include "base/random.h"
#include "check/worst.h"
#include "network/inspect.h"

#include <math.h>
#include <stdlib.h>

static const bool is_double = sizeof(hth_real) == sizeof(double);

/* Finds an entry, from *at on and then from the start: one that exists and, if not_zero, has a gradient. */
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

/* A central difference, and the most that rounding of the losses may add to it. */
typedef struct quotient {
    double value, noise;
} quotient;

/* The difference with step h / 2^halvings. */
static hth_status difference(const hth_subject *s, hth_tape *tape, size_t entry, unsigned halvings,
                             quotient *out, hth_error *error) {
    /* Choose the step, relative to the parameter. Rounding changes it slightly, so the exact width is taken below. */
    hth_real *theta = hth_network_parameters(s->network) + entry;
    const hth_real kept = *theta;
    const double scale = fabs((double)kept) > 1 ? fabs((double)kept) : 1;
    const double h = ldexp((is_double ? 1e-4 : 3e-3) * scale, -(int)halvings);
    const hth_real above = (hth_real)((double)kept + h), below = (hth_real)((double)kept - h);
    double up, down;
    /* The loss on both sides; then the parameter gets its old value back. */
    *theta = above;
    hth_status status = hth_subject_loss(s, tape, &up, error);
    *theta = below;
    if (status == HTH_OK) status = hth_subject_loss(s, tape, &down, error);
    *theta = kept;
    if (status != HTH_OK) return status;
    /* The quotient, and how far rounding may be from it. */
    const double width = (double)above - (double)below;
    *out = (quotient){(up - down) / width, 8 * HTH_EPSILON * (fabs(up) + fabs(down)) / width};
    return HTH_OK;
}

enum { MOST_HALVINGS = 8 };

/* An entry to compare: its differences with h and h/2. smooth: the two agree. */
typedef struct entry {
    size_t at;
    quotient wide, narrow;
    bool smooth;
} entry;

/* Memory for the entries and for the two arrays to compare. */
typedef struct bench {
    hth_tape *tape;
    hth_real *mask, *ours, *theirs;
    entry *entries;
} bench;

/* Draws the entries of a block and takes the first two differences of each. */
static hth_status take_entries(hth_check_run *run, const hth_subject *s, const hth_block *block,
                               uint32_t index, size_t samples, const hth_real *gradient,
                               const bench *b, size_t *used, hth_error *error) {
    const uint64_t count = block->rows * block->columns;
    const hth_random random = {1, HTH_RANDOM_CHECK, index};
    *used = 0;
    for (size_t i = 0; i < samples && !hth_check_stopped(run); i++) {
        uint64_t at = count <= samples ? i : hth_random_below(&random, i, count);
        if (i >= count || !find_entry(block, b->mask, gradient, count > samples && i % 2 == 0, &at))
            continue;
        entry *e = &b->entries[(*used)++];
        *e = (entry){.at = (size_t)at};
        HTH_TRY(difference(s, b->tape, e->at, 0, &e->wide, error));
        HTH_TRY(difference(s, b->tape, e->at, 1, &e->narrow, error));
    }
    return HTH_OK;
}

/* Halves h until the two differences agree, or until rounding would exceed the tolerance. Values that are not
 * finite are kept. */
static hth_status refine(const hth_subject *s, const bench *b, entry *e, double allowed,
                         hth_error *error) {
    for (unsigned halvings = 2;; halvings++) {
        const double apart = fabs(e->wide.value - e->narrow.value);
        quotient next;
        e->smooth = !(apart > fmax(allowed, e->wide.noise + e->narrow.noise));
        if (e->smooth || halvings > MOST_HALVINGS || 2 * e->narrow.noise > allowed) return HTH_OK;
        HTH_TRY(difference(s, b->tape, e->at, halvings, &next, error));
        e->wide = e->narrow;
        e->narrow = next;
    }
}

static hth_status refine_all(const hth_subject *s, const bench *b, size_t used, double tolerance,
                             size_t *corners, hth_error *error) {
    double largest = 0;
    *corners = 0;
    for (size_t i = 0; i < used; i++) largest = fmax(largest, fabs(b->entries[i].narrow.value));
    for (size_t i = 0; i < used; i++) {
        HTH_TRY(refine(s, b, &b->entries[i], tolerance * largest / 4, error));
        *corners += !b->entries[i].smooth;
    }
    return HTH_OK;
}

static hth_status check_block(hth_check_run *run, const hth_subject *s, const hth_block *block,
                              uint32_t index, size_t samples, const hth_real *gradient,
                              const bench *b, hth_error *error) {
    const double tolerance = is_double ? 1e-5 : 5e-2;
    size_t used, corners, kept = 0;
    double noise = 0;
    hth_worst worst = {0};
    char lines[HTH_WORST * 160];
    /* Draw the entries and find their differences. */
    HTH_TRY(take_entries(run, s, block, index, samples, gradient, b, &used, error));
    if (used == 0) return HTH_OK;
    HTH_TRY(refine_all(s, b, used, tolerance, &corners, error));
    /* Collect the entries to compare, without those at a corner. */
    const bool leaves_out = corners > 0 && 2 * corners <= used;
    for (size_t i = 0; i < used; i++) {
        const entry *e = &b->entries[i];
        if (leaves_out && !e->smooth) continue;
        hth_worst_add(&worst, e->at, (double)gradient[e->at], e->wide.value);
        b->ours[kept] = gradient[e->at];
        b->theirs[kept++] = (hth_real)e->wide.value;
        if (e->wide.noise > noise) noise = e->wide.noise;
    }
    /* Report how near the gradient is to the differences, and the worst entries. */
    if (leaves_out)
        hth_check_tell(run,
                       "%zu of %zu entries of %s were left out of the comparison with finite "
                       "differences: the loss has a corner there, and differences with two step "
                       "sizes disagree.",
                       corners, used, block->name);
    hth_nearness nearness = hth_nearness_of(b->ours, b->theirs, kept);
    hth_worst_tell(&worst, s->network, lines, sizeof lines);
    hth_check_report(run, "bptt = finite differences", block->name, &nearness, tolerance, noise,
                     lines);
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
    /* A tape for the whole sample, and memory. */
    bench b = {0};
    HTH_TRY(hth_tape_create(s->network, s->sample->steps, s->sample->batch, s->compute, NULL,
                            &b.tape, error));
    hth_tape_dropout(b.tape, false);
    b.mask = calloc(hth_network_parameter_count(s->network), sizeof *b.mask);
    b.ours = calloc(samples, sizeof *b.ours);
    b.theirs = calloc(samples, sizeof *b.theirs);
    b.entries = calloc(samples, sizeof *b.entries);
    hth_status status = b.mask && b.ours && b.theirs && b.entries
                            ? check_blocks(run, s, samples, gradient, &b, error)
                            : hth_fail(error, HTH_NO_MEMORY, "not enough memory for the check");
    free(b.mask);
    free(b.entries);
    free(b.ours);
    free(b.theirs);
    hth_tape_destroy(b.tape);
    return status;
}
