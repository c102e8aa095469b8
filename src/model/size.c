/*
 * Making a model. Every handle calls its allocator once, so an allocator that refuses still learns the handle's size.
 * hth_model_bytes finds all sizes in this way. A model then places its handles one after the other in a block of their
 * sum.
 */
#include "model/inspect.h"
#include "model/model.h"

#include "base/known.h"
#include "credit/axes.h"
#include "credit/catalogues.h"
#include "credit/window.h"
#include "kernels/level.h"
#include "network/network.h"
#include "optim/catalogues.h"
#include "optim/inspect.h"

#include <stdlib.h>

enum { ALIGNMENT = 64 };

int hth_abi(void) {
    return HTH_ABI;
}

/* ---- Memory ---- */

/* The state of an allocator that counts every request, also those that it refuses. It gives out pieces of `block` one
 * after the other, or pieces of `heap`. */
typedef struct bump {
    hth_chip
        chip; /* first: see hth_on_chip; set while the handles that a chip would have are counted */
    char *block;
    size_t bytes, used, last;  /* last: bytes of the latest request */
    const hth_allocator *heap; /* not NULL: pieces come from this allocator instead of the block */
    bool refuses;              /* every request gets NULL and is only counted */
} bump;

/* Counts the request (`used` stops at SIZE_MAX / 2 instead of overflowing), then serves it if it can. */
static void *take(void *context, size_t bytes) {
    bump *b = context;
    const size_t at = b->used, left = at < SIZE_MAX / 2 ? SIZE_MAX / 2 - at : 0;
    b->last = bytes;
    b->used = bytes > left ? SIZE_MAX / 2 : at + bytes;
    if (b->refuses) return NULL;
    if (b->heap) return b->heap->allocate(b->heap->context, bytes);
    return b->used <= b->bytes ? b->block + at : NULL;
}

static void *heap_take(void *context, size_t bytes) {
    (void)context;
    return malloc(bytes);
}

static void heap_release(void *context, void *memory) {
    (void)context;
    free(memory);
}

static const hth_allocator heap = {heap_take, heap_release, NULL};

/* Release for pieces of a block: does nothing, because the block is released as a whole. The handles outlive the bump,
 * so this function must not read it. */
static void keep(void *context, void *memory) {
    (void)context;
    (void)memory;
}

/* An allocator for the next handle. For one that is counted on a chip it refuses. */
static hth_allocator next_of(bump *b, void (*release)(void *context, void *memory)) {
    return (hth_allocator){take, b->chip ? hth_on_chip : release, b};
}

/* Release for pieces of the heap: frees each one. */
static void give_back(void *context, void *memory) {
    const bump *b = context;
    if (b->heap) b->heap->release(b->heap->context, memory);
}

/* ---- The plan ---- */

/* Checks that every setting is known and belongs to a chosen part. */
static hth_status check_settings(const hth_settings *settings, hth_error *error) {
    static const hth_catalogue *const all[] = {
        &hth_network_section, &hth_layer_kinds,         &hth_cells,        &hth_readout_section,
        &hth_losses,          &hth_regulariser_section, &hth_init_section, &hth_learners,
        &hth_signals,         &hth_recurrences,         &hth_pasts,        &hth_futures,
        &hth_optimisers,      &hth_schedules,           &hth_keeps};
    const hth_known known = {all, HTH_COUNT(all), NULL};
    for (size_t i = 0; i < settings->count; i++)
        HTH_TRY(hth_setting_check(&known, settings, &settings->items[i], error));
    return HTH_OK;
}

/* Checks that the program was compiled with the header of this library. */
static hth_status check_abi(const hth_model_plan *plan, hth_error *error) {
    if (plan->abi == HTH_ABI) return HTH_OK;
    if (plan->abi == 0)
        return hth_fail(error, HTH_INVALID, "abi of the plan is 0; it must be HTH_ABI");
    return hth_fail(
        error, HTH_MISMATCH,
        "the program was compiled against interface %d of hitherto.h with numbers of %d "
        "bytes, but this library has interface %d with %d bytes: compile it against the "
        "header of this library (HTH_DOUBLE for libhitherto64)",
        plan->abi / 100, plan->abi % 100, HTH_ABI / 100, HTH_ABI % 100);
}

/* Chooses K: plan->steps, or learner.steps, or the preset's default for endless sequences. */
static hth_status choose_steps(const hth_model_plan *plan, const hth_preset *preset, size_t *steps,
                               hth_error *error) {
    enum { TRUNCATED = 20 };
    /* Given by the plan or the settings? */
    int64_t given;
    HTH_TRY(hth_common_option(&hth_learners, "steps", &plan->settings, &given, error));
    *steps = plan->steps ? plan->steps : (size_t)given;
    if (*steps > 0) return HTH_OK;
    /* Otherwise the preset's default; a preset that needs the whole sequence has none. */
    if (preset->steps == HTH_WHOLE_SEQUENCE)
        return hth_fail(
            error, HTH_INVALID,
            "learner '%s' looks at the whole sequence: steps of the plan must say how many "
            "steps the longest one has",
            preset->part.name);
    *steps = preset->steps == HTH_ONE_STEP ? 1 : preset->steps == HTH_FOUR_STEPS ? 4 : TRUNCATED;
    return HTH_OK;
}

/* Checks the plan and fills *out with its numbers; makes no handles. */
static hth_status read_plan(const hth_model_plan *plan, hth_model *out, hth_error *error) {
    const size_t most = (size_t)1 << 31;
    hth_window_options window;
    hth_axes axes;
    int update;
    /* Check and read the settings. */
    HTH_TRY(check_abi(plan, error));
    if (!plan->checked) HTH_TRY(check_settings(&plan->settings, error));
    HTH_TRY(hth_axes_read(&plan->settings, &axes, error));
    HTH_TRY(hth_common_option(&hth_learners, "update", &plan->settings, &update, error));
    /* Fill in the numbers. */
    *out = (hth_model){.batch = plan->batch ? plan->batch : 1,
                       .late = plan->late,
                       .shape = plan->shape,
                       .updates_at_end = update == HTH_UPDATE_SEQUENCE,
                       .needs_whole = axes.preset->steps == HTH_WHOLE_SEQUENCE,
                       .only_predicts = plan->only_predicts,
                       .is_frozen = plan->only_predicts,
                       .is_scratch = true,
                       .seed = plan->seed,
                       .epoch = 1};
    HTH_TRY(choose_steps(plan, axes.preset, &out->steps, error));
    HTH_TRY(hth_window_read(&plan->settings, axes.preset, &window, error));
    out->window = plan->only_predicts ? 0 : (size_t)window.steps;
    /* Check that the numbers fit each other. */
    if (out->late && out->window && out->window < out->steps + out->late)
        return hth_fail(
            error, HTH_INVALID,
            "answers %zu steps late to tapes of %zu new steps need learner.window of at "
            "least %zu, but it is %zu",
            out->late, out->steps, out->steps + out->late, out->window);
    if (out->batch > most || out->steps > most || out->late > most)
        return hth_fail(
            error, HTH_INVALID,
            "%zu steps, %zu items and answers %zu steps late: none may be more than 2^31",
            out->steps, out->batch, out->late);
    return HTH_OK;
}

/* ---- The handles ---- */

/* Makes the compute handle and the network, which all other handles need. Where pieces come from the heap, only sizes
 * are wanted: then the parameters are not drawn. */
static hth_status make_base(const hth_model_plan *plan, hth_model *m, bump *b, hth_error *error) {
    hth_status (*const make)(const hth_settings *, const hth_shape *, uint64_t,
                             const hth_allocator *, hth_network **, hth_error *) =
        b->heap ? hth_network_sketch : hth_network_create;
    const hth_allocator from = next_of(b, b->heap ? give_back : keep);
    hth_model_parts *p = &m->parts;
    HTH_TRY(hth_compute_create(plan->threads, &from, &p->compute, error));
    m->sizes.compute = b->last;
    HTH_TRY(make(&plan->settings, &plan->shape, plan->seed, &from, &p->network, error));
    m->sizes.network = b->last;
    return HTH_OK;
}

/* Notes the size of the latest handle. HTH_NO_MEMORY counts as HTH_OK: the size is known, and the caller goes on to the
 * next handle. */
static hth_status count(hth_status status, const bump *b, size_t *bytes) {
    *bytes = b->last;
    return status == HTH_NO_MEMORY ? HTH_OK : status;
}

/* Makes the tape: for H steps if it slides, otherwise for K + late steps. */
static hth_status make_tape(hth_model *m, bump *b, hth_error *error) {
    const hth_allocator from = next_of(b, keep);
    const size_t K = m->steps, on_tape = m->window ? m->window : K + m->late;
    hth_model_parts *p = &m->parts;
    const hth_status status =
        hth_tape_create(p->network, on_tape, m->batch, p->compute, &from, &p->tape, error);
    HTH_TRY(count(status, b, &m->sizes.tape));
    if (!p->tape) return HTH_OK;
    if (m->only_predicts) hth_tape_dropout(p->tape, false);
    return m->window > K ? hth_tape_keep(p->tape, m->window - K, error) : HTH_OK;
}

/* With network.dropout, makes the second tape, which leaves no unit out. */
static hth_status make_complete(hth_model *m, bump *b, hth_error *error) {
    const hth_allocator from = next_of(b, keep);
    const hth_network *network = m->parts.network;
    size_t bytes;
    if (m->only_predicts || !(network->dropout > 0)) return HTH_OK;
    HTH_TRY(count(hth_tape_create(network, network->is_whole ? m->steps : 1, m->batch,
                                  m->parts.compute, &from, &m->complete, error),
                  b, &bytes));
    if (m->complete) hth_tape_dropout(m->complete, false);
    m->sizes.tape += bytes;
    return HTH_OK;
}

/* HTH_INVALID where a network changes weights after an update of an optimiser that projects. */
static hth_status check_projected(const hth_model_parts *p, hth_error *error) {
    const hth_network_facts of = hth_network_look(p->network);
    const hth_keep_facts keep = hth_keep_look(p->optimiser);
    if (keep.of != HTH_OF_INPUTS || !(of.has_signs || of.is_orthogonal)) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "keep.name is %s, but %s changes weights after an update is projected, which "
                    "leads out of the subspace again: leave it out",
                    keep.name, of.has_signs ? "network.excitatory" : "network.orthogonal = true");
}

/* Makes all handles that need the network. With only_predicts these are just the tapes. */
static hth_status make_others(const hth_model_plan *plan, hth_model *m, bump *b, hth_error *error) {
    const hth_allocator from = next_of(b, keep);
    const hth_settings *settings = &plan->settings;
    hth_model_parts *p = &m->parts;
    HTH_TRY(make_tape(m, b, error));
    HTH_TRY(make_complete(m, b, error));
    if (m->only_predicts) return HTH_OK;
    hth_status status = hth_learner_create(settings, p->network, m->steps, m->batch, plan->seed,
                                           p->compute, &from, &p->learner, error);
    HTH_TRY(count(status, b, &m->sizes.learner));
    status = hth_gradient_create(p->network, &from, &p->gradient, error);
    HTH_TRY(count(status, b, &m->sizes.gradient));
    status = hth_optimiser_create(settings, p->network, p->compute, &from, &p->optimiser, error);
    if (status == HTH_OK && p->learner)
        hth_learner_freeze(p->learner, hth_optimiser_frozen(p->optimiser));
    HTH_TRY(count(status, b, &m->sizes.optimiser));
    return p->optimiser ? check_projected(p, error) : HTH_OK;
}

/* make_others, but `error` is written only if it fails: errors that `count` ignores must not reach the caller. */
static hth_status make_rest(const hth_model_plan *plan, hth_model *m, bump *b, hth_error *error) {
    hth_error found;
    const hth_status status = make_others(plan, m, b, &found);
    return status == HTH_OK ? HTH_OK : hth_fail(error, status, "%s", found.message);
}

/* The caller's own parameters and connections. HTH_INVALID for connections that nobody gives to a model that learns: it
 * would learn all of them. */
static hth_status initialise(const hth_model_plan *plan, const hth_model *m, hth_error *error) {
    if (plan->initialise) HTH_TRY(plan->initialise(plan->context, m->parts.network, error));
    if (m->only_predicts || !hth_network_look(m->parts.network).waits) return HTH_OK;
    return hth_fail(
        error, HTH_INVALID,
        "network.connections is given, but nothing gives them to this model: take other "
        "connections, or train on data that bring w_rec_mask (data=arrays)");
}

/* Destroys the handles that exist. */
static void drop(const hth_model *m) {
    const hth_model_parts *p = &m->parts;
    hth_optimiser_destroy(p->optimiser);
    hth_gradient_destroy(p->gradient);
    hth_learner_destroy(p->learner);
    hth_tape_destroy(m->complete);
    hth_tape_destroy(p->tape);
    hth_network_destroy(p->network);
    hth_compute_destroy(p->compute);
}

/* Bytes of struct hth_model with its lengths, including the loss to alignment in memory of any alignment. */
static size_t own_bytes(const hth_model *m, hth_chip chip) {
    return HTH_SIZE_ON(chip, hth_model) + m->batch * sizeof(uint32_t) + ALIGNMENT - 1;
}

hth_status hth_model_bytes(const hth_model_plan *plan, const hth_allocator *allocator,
                           hth_model_sizes *out, hth_error *error) {
    hth_model m;
    bump b = {.heap = allocator ? allocator : &heap};
    HTH_TRY(read_plan(plan, &m, error));
    /* Make compute and network; only count the other handles. */
    b.used = m.sizes.model = own_bytes(&m, HTH_NO_CHIP);
    hth_status status = make_base(plan, &m, &b, error);
    b.refuses = true;
    if (status == HTH_OK && !plan->initialise) status = initialise(plan, &m, error);
    if (status == HTH_OK) status = make_rest(plan, &m, &b, error);
    /* Release them and return the sizes. */
    drop(&m);
    HTH_TRY(status);
    m.sizes.total = b.used;
    *out = m.sizes;
    return HTH_OK;
}

/* ---- On a chip ---- */

/* Counts compute handle and network as a chip has them. Then makes those of this machine, from which the sizes of the
 * others follow. */
static hth_status count_base(const hth_model_plan *plan, hth_model *m, bump *b, hth_error *error) {
    const hth_allocator from = next_of(b, keep);
    hth_model_parts *p = &m->parts;
    HTH_TRY(count(hth_compute_create(1, &from, &p->compute, error), b, &m->sizes.compute));
    const hth_status status =
        hth_network_sketch(&plan->settings, &plan->shape, plan->seed, &from, &p->network, error);
    HTH_TRY(count(status, b, &m->sizes.network));
    HTH_TRY(hth_compute_create(1, NULL, &p->compute, error));
    return hth_network_sketch(&plan->settings, &plan->shape, plan->seed, NULL, &p->network, error);
}

/* All handles, counted. */
static hth_status count_all(const hth_model_plan *plan, hth_model *m, bump *b, hth_error *error) {
    HTH_TRY(count_base(plan, m, b, error));
    return make_others(plan, m, b, error);
}

hth_status hth_model_bytes_on(hth_chip chip, const hth_model_plan *plan, hth_model_sizes *out,
                              size_t *parameters, hth_error *error) {
    hth_model m;
    hth_error found; /* errors that `count` ignores must not reach the caller */
    bump b = {.chip = chip, .refuses = true};
    HTH_TRY(read_plan(plan, &m, error));
    b.used = m.sizes.model = own_bytes(&m, chip);
    /* With the kernels of a chip, whose copies of matrices are smaller. */
    const size_t level = hth_level;
    hth_level = HTH_LEVEL_PLAIN;
    const hth_status status = count_all(plan, &m, &b, &found);
    if (status == HTH_OK) *parameters = hth_network_parameter_count(m.parts.network);
    drop(&m);
    hth_level = level;
    if (status != HTH_OK) return hth_fail(error, status, "%s", found.message);
    m.sizes.total = b.used;
    *out = m.sizes;
    return HTH_OK;
}

/* ---- Making ---- */

/* HTH_NO_MEMORY with the bytes needed. */
static hth_status too_small(size_t bytes, size_t needed, const char *least, hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "the model needs %s%zu bytes, but has %zu", least, needed,
                    bytes);
}

/* Makes all handles in the block, one after the other from b->used on. */
static hth_status make_all(const hth_model_plan *plan, hth_model *m, bump *b, hth_error *error) {
    /* Network first, so that the caller can set its parameters. */
    hth_status status = make_base(plan, m, b, error);
    if (status == HTH_NO_MEMORY) return too_small(b->bytes, b->used, "more than ", error);
    HTH_TRY(status);
    HTH_TRY(initialise(plan, m, error));
    /* The other handles. If one did not fit, b->used is now the size of all. */
    HTH_TRY(make_rest(plan, m, b, error));
    if (b->used > b->bytes) return too_small(b->bytes, b->used, "", error);
    m->sizes.total = b->used;
    return HTH_OK;
}

hth_status hth_model_place(const hth_model_plan *plan, void *memory, size_t bytes, hth_model **out,
                           hth_error *error) {
    /* Read the plan and check that the struct itself fits. */
    hth_model planned, *m;
    HTH_TRY(read_plan(plan, &planned, error));
    const size_t own = own_bytes(&planned, HTH_NO_CHIP), past = (uintptr_t)memory % ALIGNMENT;
    if (own > bytes) return too_small(bytes, own, "more than ", error);
    /* Place the struct at the next aligned address. */
    bump b = {.block = memory, .bytes = bytes, .used = own};
    m = (hth_model *)(void *)((char *)memory + (past ? ALIGNMENT - past : 0));
    *m = planned;
    m->sizes.model = own;
    m->block = memory;
    m->lengths = (uint32_t *)(void *)(m + 1);
    /* Make the handles after it. */
    const hth_status status = make_all(plan, m, &b, error);
    if (status != HTH_OK) drop(m);
    HTH_TRY(status);
    *out = m;
    return HTH_OK;
}

hth_status hth_model_create(const hth_model_plan *plan, const hth_allocator *allocator,
                            hth_model **out, hth_error *error) {
    const hth_allocator *from = allocator ? allocator : &heap;
    /* Find the size and take one block. */
    hth_model_sizes sizes;
    HTH_TRY(hth_model_bytes(plan, from, &sizes, error));
    void *block = from->allocate(from->context, sizes.total);
    if (!block)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a model of %zu bytes",
                        sizes.total);
    /* Make the model in it. */
    const hth_status status = hth_model_place(plan, block, sizes.total, out, error);
    if (status != HTH_OK)
        from->release(from->context, block);
    else
        (*out)->outer = *from;
    return status;
}

void hth_model_destroy(hth_model *m) {
    if (!m) return;
    const hth_allocator from = m->outer;
    void *block = m->block;
    drop(m);
    if (from.release) from.release(from.context, block);
}

const hth_model_parts *hth_model_parts_of(const hth_model *m) {
    return &m->parts;
}

const hth_model_sizes *hth_model_sizes_of(const hth_model *m) {
    return &m->sizes;
}
