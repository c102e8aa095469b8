/*
 * Eligibility traces: for each synapse of unit j the vector eps[j] = dX[j]/dW[j] of the unit's own states
 * X[j], by its own past alone (RFLO: Murray 2019; SnAp-1: Menick et al. 2020; e-prop: Bellec et al. 2019,
 * eqs. 1-4). X[j] is s; with recurrence = diagonal also z, where that is a
 * state of its own; and, for a top layer below a leaky readout, the filtered z,
 * f_t = kappa f_{t-1} + z_t. With e numbers in X[j], per item and tape,
 *
 *     contract   g[j] += sum_k xbar[k][j] eps[k][j]       xbar: the adjoint of X at the start of the tape
 *     advance    eps[k][j] <- sum_k' Phi[k][k'][j] eps[k'][j] + sum_t Gamma_t[k][j] u_t^T
 *
 * Phi = dX_end/dX_start and Gamma_t = dX_end/da_t with the units decoupled: what one scan with e rows
 * leaves, in which row k is the adjoint of "X_end[k] of all units at once". So eps is touched once a tape;
 * with K = 1 all of it, and the tape's own step, is one pass; with K > 1 there is one product per row k. The
 * gradient is that of the step by step rule, sum_t zeta_t (Z_t eps_t + Q_t u_t), for tapes of any length.
 *
 * With recurrence = full (truncated backpropagation + traces, e-prop 3) the tape's adjoint crosses units
 * and the traces do not. Summed by parts,
 *
 *     sum_t zeta_t e_t = sum_t delta_t u_t^T + sbar_start eps_start - sbar_end eps_end:
 *
 * what the future axis puts into the state at the end is paid by the tapes to come, so it is taken off. A
 * predicted adjoint of a cell whose z is its state does not tell the own path from that through others:
 * then both ends count it whole, so that a right prediction is exact.
 *
 * Dropped: what goes from unit to unit before the tape. In a stack, that is also the part of a lower
 * layer's credit that upper layers hold in their states; token vectors get credit within the tape alone.
 * That part would depend on K, so a stack or token vectors need K = 1, recurrence = full or, for whoever
 * accepts it, below = tape.
 *
 * Three settings make other traces of it (Bellec et al. 2019). trace = instantaneous: D is
 * taken as 0, so that eps_t = ds_t/dW is what the step itself adds (presynaptic factor: the bare spike).
 * postsynaptic = clopath: [v_t - v+]_+ [vhat_t - v-]_+ in place of psi_t (clopath.c); postsynaptic = one: 1 in
 * place of it. Instantaneous and one together are e_t = z_{t-1} alone, and x_t. These are the same scan with
 * other numbers for D and Z, so that they too give the same gradient for tapes of any length.
 *
 * With network.direction = both a tape is the whole sequence, so that no trace is carried: only `before` counts.
 *
 * Memory per item e P numbers (and n with clopath); operations per step e P + (e e + e) P / K.
 */
#include "credit/past/trace.h"
#include "credit/joint.h"
#include "credit/past/clopath.h"
#include "credit/past/scales.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { GROUP = 8, FEW = 16 }; /* items that pass together; steps of a tape that pass at once */
_Static_assert((int)HTH_TRACE_MOST <= (int)HTH_MOST_TRACES, "the pass takes all rows");

enum { TRACE_FULL, TRACE_INSTANTANEOUS };
enum { POST_DERIVATIVE, POST_ONE, POST_CLOPATH };
enum { BELOW_EXACT, BELOW_TAPE };

typedef struct trace_options {
    int trace, postsynaptic, below;
    hth_clopath clopath;
    hth_scales scales;
} trace_options;

static const hth_option options[] = {
    {.name = "trace",
     .help = "what a synapse remembers: full, its trace; instantaneous, the step at hand alone "
             "(Bellec et al. 2019, truncated traces)",
     .fallback = "full",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"full", "instantaneous", NULL},
     .offset = offsetof(trace_options, trace)},
    {.name = "postsynaptic",
     .help = "what the unit itself contributes to e: derivative, dz/ds; one, 1 (with trace = "
             "instantaneous: the bare presynaptic spike, Bellec et al. 2019, Fig. 1d); clopath, a "
             "function of its voltage (eq. 57). The last two are for cells that spike",
     .fallback = "derivative",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"derivative", "one", "clopath", NULL},
     .offset = offsetof(trace_options, postsynaptic)},
    {.name = "below",
     .help = "credit of token vectors and lower layers, which have no traces of what upper states "
             "hold: exact, refused where it would depend on the length of a tape; tape, as much as "
             "the tape shows. Acts only where learner.recurrence is not full",
     .fallback = "exact",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"exact", "tape", NULL},
     .offset = offsetof(trace_options, below)},
    HTH_CLOPATH_OPTIONS(offsetof(trace_options, clopath)),
    HTH_SCALES_OPTIONS(offsetof(trace_options, scales)),
};

/* ---- Verbs ---- */

static void forget_bounds(hth_trace *kept, size_t layers, double bound) {
    for (size_t l = 0; l < layers; l++) hth_trace_bound_set(&kept->layers[l].bound, bound);
}

static size_t weights_size(const hth_learner *learner, size_t l) {
    const hth_layer *layer = &learner->network->layers[l];
    const hth_trace *kept = learner->past.kept;
    return learner->batch * kept->layers[l].e * layer->rows * layer->m;
}

static size_t initial_size(const hth_learner *learner, size_t l) {
    const hth_layer *layer = &learner->network->layers[l];
    const hth_trace *kept = learner->past.kept;
    if (!layer->learns_initial) return 0;
    return learner->batch * kept->layers[l].e * hth_layer_initial_rows(layer) * layer->n;
}

static bool has_voltage(const hth_learner *learner) {
    return ((const trace_options *)learner->past.options)->postsynaptic == POST_CLOPATH;
}

static size_t voltages_size(const hth_learner *learner, size_t l) {
    return has_voltage(learner) ? learner->batch * learner->network->layers[l].n : 0;
}

static void forget_voltages(hth_learner *learner) {
    const hth_trace *kept = learner->past.kept;
    for (size_t l = 0; l < learner->network->layer_count; l++)
        memset(kept->layers[l].vhat, 0, voltages_size(learner, l) * sizeof(hth_real));
}

/* The memory of traces is cleared when somebody is to read it. */
static void clear_blank(hth_learner *learner) {
    hth_trace *kept = learner->past.kept;
    for (size_t l = 0; kept->is_blank && l < learner->network->layer_count; l++)
        memset(kept->layers[l].eps, 0, weights_size(learner, l) * sizeof(hth_real));
    if (kept->is_blank) forget_bounds(kept, learner->network->layer_count, 0);
    kept->is_zero = kept->is_zero || kept->is_blank;
    kept->is_blank = false;
}

static void forget_traces(hth_learner *learner) {
    hth_trace *kept = learner->past.kept;
    kept->is_blank = !kept->is_zero;
    for (size_t l = 0; l < learner->network->layer_count; l++)
        memset(kept->layers[l].initial, 0, initial_size(learner, l) * sizeof(hth_real));
}

static void reset(hth_learner *learner) {
    forget_traces(learner);
    forget_voltages(learner);
}

static void before(hth_learner *learner) {
    hth_trace *kept = learner->past.kept;
    const trace_options *o = learner->past.options;
    const hth_tape *tape = learner->adjoint.tape;
    hth_scales_apply(&o->scales, learner, kept->steady);
    if (!has_voltage(learner)) return;
    if (tape->fresh) forget_voltages(learner);
    for (size_t l = 0; l < learner->network->layer_count; l++)
        hth_clopath_factor(&o->clopath, tape, l, kept->layers[l].vhat, kept->layers[l].post);
}

/* The traces will have to know it, once the scan has gone over it. */
static void boundary(hth_learner *learner) {
    const hth_trace *kept = learner->past.kept;
    for (size_t l = 0; kept->has_end && l < learner->network->layer_count; l++) {
        const hth_layer *layer = &learner->network->layers[l];
        memcpy(kept->layers[l].boundary, learner->adjoint.layers[l].sbar,
               layer->cell->states * learner->batch * layer->n * sizeof(hth_real));
    }
}

/* Nothing came before the tape, and nothing comes after it. */
static bool is_whole_sequence(const hth_trace *kept) {
    const hth_tape *tape = kept->rows.tape;
    return tape->fresh && tape->chunk.ends && tape->steps > 1 && !kept->has_end;
}

static void carry(hth_learner *learner, hth_gradient *gradient) {
    hth_trace *kept = learner->past.kept;
    const hth_network *net = learner->network;
    kept->rows.tape = learner->adjoint.tape;
    kept->together = learner->adjoint.crossing->is_local || kept->has_end;
    if (kept->rows.tape->fresh) forget_traces(learner); /* a sequence has no past at its start */
    if (is_whole_sequence(kept)) return;
    /* Items pass in groups where tapes are short. */
    const size_t steps = kept->rows.tape->steps, batch = learner->batch;
    const bool grouped = steps <= FEW && steps * batch > 1;
    if (!grouped) clear_blank(learner);
    for (size_t l = 0; l < net->layer_count && steps == 1; l++)
        if (grouped || kept->layers[l].e == 0) hth_trace_add_step(learner, l, gradient->values);
    for (size_t b = 0; b < batch; b++) {
        /* Phi and Gamma of the item, and the adjoints that its traces are contracted with. */
        const size_t slot = grouped ? b % GROUP : 0, items = slot + 1;
        const bool full = grouped && (items == GROUP || b + 1 == batch);
        if (steps == 1)
            hth_trace_single(kept, b, slot);
        else
            hth_trace_scan(kept, b);
        for (size_t l = 0; l < net->layer_count; l++) {
            if (kept->layers[l].e == 0) continue; /* a store has no traces */
            if (steps > 1) hth_trace_transition(kept, l, slot);
            hth_trace_adjoints(learner, l, b, slot);
            if (grouped) hth_trace_gamma(kept, l, slot);
        }
        /* The pass over the traces. */
        if (hth_trace_descend(learner)) {
            kept->is_zero = false;
            return;
        }
        for (size_t l = 0; l < net->layer_count; l++) {
            if (kept->layers[l].e == 0) continue;
            if (full) hth_trace_carry_group(learner, l, b - slot, items, gradient->values);
            if (!grouped) hth_trace_carry_weights(learner, l, b, gradient->values);
            hth_trace_carry_initial(learner, l, b, slot, gradient->values);
        }
    }
    /* What is known of the traces now. */
    if (!grouped || !kept->rows.tape->chunk.ends) kept->is_zero = kept->is_blank = false;
    forget_bounds(kept, net->layer_count, NAN);
    for (size_t l = 0; l < net->layer_count; l++)
        hth_layer_mask(&net->layers[l], gradient->values + net->layers[l].weight);
}

/* Where X is the states alone, and none depends on the drive (the output gate of an LSTM). */
static bool is_idle(const hth_cell *cell, size_t g, size_t e) {
    for (size_t i = 0; i < cell->states; i++)
        if (cell->B[i][g].where != HTH_AT_ZERO) return false;
    return e == cell->states || cell->Q[g].where == HTH_AT_ZERO;
}

static void lay_out_layer(hth_arena *arena, const hth_learner *plan, size_t l,
                          hth_trace_layer *at) {
    const hth_layer *layer = &plan->network->layers[l];
    const size_t n = layer->n, batch = plan->batch, voltages = has_voltage(plan) ? batch : 0;
    const size_t initial = layer->learns_initial ? hth_layer_initial_rows(layer) * n : 0;
    at->e = hth_trace_rows(plan, l);
    at->eps = HTH_TAKE(arena, hth_real, hth_times(hth_times(batch * at->e, layer->rows), layer->m));
    at->initial = HTH_TAKE(arena, hth_real, hth_times(batch * at->e, initial));
    const size_t steps = plan->steps < FEW ? plan->steps : FEW;
    at->xbar = HTH_TAKE(arena, hth_real, GROUP * at->e * n);
    at->end = HTH_TAKE(arena, hth_real, GROUP * at->e * n);
    at->Phi = HTH_TAKE(arena, hth_real, GROUP * at->e * at->e * n);
    at->gamma = HTH_TAKE(arena, hth_real, GROUP * steps * at->e * layer->rows);
    for (size_t g = 0; g < layer->cell->drives; g++) at->idle[g] = is_idle(layer->cell, g, at->e);
    at->vhat = HTH_TAKE(arena, hth_real, hth_times(voltages, n));
    at->post = HTH_TAKE(arena, hth_real, hth_times(hth_times(voltages, plan->steps), n));
    at->boundary =
        HTH_TAKE(arena, hth_real,
                 hth_times(plan->axes.future->predicts ? layer->cell->states * batch : 0, n));
}

/* What stands in the table for D and Z with other traces. */
static void replace_entries(const trace_options *o, const hth_real *post, hth_derivatives *table) {
    if (o->trace == TRACE_INSTANTANEOUS) memset(table->D, 0, sizeof table->D);
    if (o->postsynaptic == POST_DERIVATIVE) return;
    memset(table->Z, 0, sizeof table->Z);
    table->Z[0] = o->postsynaptic == POST_ONE ? (hth_entry)HTH_ONE : (hth_entry)HTH_GIVEN(0);
    table->given[0] = post;
}

/* Of the layer that has most numbers in X: others leave rows of the scan empty. */
static size_t most_rows(const hth_learner *plan) {
    size_t most = 0;
    for (size_t l = 0; l < plan->network->layer_count; l++) {
        const size_t e = hth_trace_rows(plan, l);
        most = e > most ? e : most;
    }
    return most;
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *given) {
    const hth_network *net = plan->network;
    const hth_crossing *crossing = &plan->axes.recurrence->crossing;
    hth_trace counted, *kept = HTH_TAKE(arena, hth_trace, 1), *placed = kept;
    hth_trace_layer scratch;
    if (!kept) kept = &counted;
    *kept = (hth_trace){.is_zero = true,
                        .follows_z = hth_trace_follows_z(plan),
                        .has_end = plan->axes.future->predicts};
    kept->layers = HTH_TAKE(arena, hth_trace_layer, net->layer_count);
    kept->steady = HTH_TAKE(arena, hth_real, hth_times(plan->batch, net->readout.n));
    for (size_t l = 0; l < net->layer_count; l++)
        lay_out_layer(arena, plan, l, placed ? &kept->layers[l] : &scratch);
    hth_adjoint_lay_out(arena, &kept->rows, net, plan->steps, most_rows(plan),
                        net->readout.kappa > 0);
    kept->rows.crossing = crossing->is_local ? crossing : &hth_crosses_nothing;
    kept->rows.input = NULL; /* no row is an adjoint of what is below its layer */
    for (size_t l = 0; placed && l < net->layer_count; l++) {
        if (!net->layers[l].is_top) kept->rows.layers[l].q = NULL;
        replace_entries(given, kept->layers[l].post, &plan->adjoint.layers[l].table);
        replace_entries(given, kept->layers[l].post, &kept->rows.layers[l].table);
    }
    return placed;
}

static size_t state(hth_learner *learner, hth_field *fields, size_t capacity) {
    hth_trace *kept = learner->past.kept;
    size_t count = 0;
    clear_blank(learner);
    kept->is_zero = false; /* the caller may write to the fields */
    forget_bounds(kept, learner->network->layer_count, NAN);
    for (size_t l = 0; l < learner->network->layer_count; l++) {
        const hth_layer *layer = &learner->network->layers[l];
        const struct {
            const char *what;
            hth_real *data;
            size_t numbers, shape[HTH_FIELD_RANK];
        } parts[] = {{"weight",
                      kept->layers[l].eps,
                      weights_size(learner, l),
                      {learner->batch, kept->layers[l].e, layer->rows, layer->m}},
                     {"initial", kept->layers[l].initial, initial_size(learner, l), {0}},
                     {"vhat", kept->layers[l].vhat, voltages_size(learner, l), {0}}};
        for (size_t i = 0; i < HTH_COUNT(parts); i++) {
            if (parts[i].numbers == 0) continue;
            if (count < capacity) {
                fields[count] = (hth_field){
                    .dtype = HTH_DTYPE_REAL, .count = parts[i].numbers, .data = parts[i].data};
                memcpy(fields[count].shape, parts[i].shape, sizeof fields->shape);
                hth_text(fields[count].name, sizeof fields->name, "trace%zu.%s", l, parts[i].what);
            }
            count++;
        }
    }
    return count;
}

static const hth_real *traces(const hth_learner *learner, size_t layer) {
    const hth_trace *kept = learner->past.kept;
    return kept->layers[layer].eps;
}

static size_t needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    const bool own = hth_trace_follows_z(learner);
    out[0] = (hth_need){"i", true, "each unit's adjoint, a vector"};
    out[1] = (hth_need){"ii", true,
                        own ? "a trace in each synapse, which decays by its unit's own weight"
                            : "a trace in each synapse, which decays by itself"};
    return 2;
}

const hth_past hth_past_trace = {
    .axis = {.part = {.name = "trace",
                      .summary = "an eligibility vector per synapse: each unit's own past",
                      .source = "RFLO: Murray 2019; e-prop: Bellec et al. 2019, eqs. 1-4; SnAp-1: "
                                "Menick et al. 2020",
                      .options = {"learner", options, HTH_COUNT(options)}},
             .options_size = sizeof(trace_options),
             .bias = HTH_BIASED,
             .memory = "e*P",
             .operations = "e*P + (e*e+e)*P/K",
             .lay_out = lay_out,
             .reset = reset,
             .state = state,
             .needs = needs},
    .before = before,
    .boundary = boundary,
    .row_size = hth_trace_row_size,
    .row_memory = "R*(m + W)",
    .row_operations = "T*W",
    .freeze = hth_trace_freeze,
    .contract = hth_trace_contract,
    .carry = carry,
    .traces = traces,
    .adds_step = true,
    .descends = true,
};
