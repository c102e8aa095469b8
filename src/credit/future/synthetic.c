/*
 * Synthetic gradients: a small network predicts what later losses will say of the state X at the end of a
 * tape (DNI: Jaderberg et al. 2017; Marschall et al. 2019, Table 1; with hidden units Bellec et al. 2019,
 * Algorithm 1). It reads
 *
 *     x = [X; label of the last step; 1]      label: targets, or 1 for the class; 0 where the weight is 0;
 *                                             sg_reads = z: with 0 for states that z is not one of
 *
 * and gives c(x) = A^T x (or one hidden layer, credit/future/predictor.h), an adjoint of X, the joint state of all
 * layers. A is shared by the items of the batch, and c is of the loss of one item: where the loss is a mean over
 * the batch, the boundary is c over their number. With sg_present = true it stands for all losses from the
 * tape's last step on (Marschall et al.): what is known of that step, q, is then taken off, so that the
 * boundary is c(x) - q; else for the losses after it (Jaderberg et al., Bellec et al.).
 *
 * It learns by bootstrapping: the adjoint at the start of a tape, that comes of the tape's own losses and the
 * prediction at its end, is the target c* of the prediction made at the end of the tape before,
 *
 *     A <- A - sg_lr (mean over the batch of x (c(x) - c*)^T + sg_l2 A).
 *
 * sg_scans = 1: that adjoint is what the scan for the gradient leaves (Bellec et al., one tape late). 2: a
 * scan of its own, from the prediction f(c(x)) of a copy of A that is renewed every sg_refresh tapes; then A
 * learns, and the scan for the gradient begins with the new A. With K = 1 that is DNI of
 * Marschall et al. 2019, Table 1:
 *
 *     c* = q_{t-1} + J_t^T f(c^-(x_t)),   A learns for x_{t-1},   gradient (c(x_t) B_t) u_t^T.
 *
 * Beyond K = 1 it is Algorithm 1 of Bellec et al. 2019, which learns from an extra pass over the next interval before
 * it uses the prediction again, but for one thing: that pass is made when the interval has come, with weights that
 * the gradient of this one has changed already.
 *
 * sg_loss > 0: the units learn by sg_loss times E_SG = 1/2 |c(x) - c*|^2 of each item too, as the loss counts items;
 * c* is a constant, and so is A (sg_loss.h).
 *
 * Nothing is learned over the start of a sequence. Memory (N + o + 1) N, once more with a copy, twice more with
 * adam; per tape 3 times as many multiply-adds, and sg_scans scans.
 */
#include "credit/future/predictor.h"
#include "credit/future/sg_loss.h"
#include "credit/joint.h"

#include "kernels/elementwise.h"

#include <string.h>

typedef struct synthetic_options {
    double lr, scale, l2, loss;
    int64_t hidden, refresh, scans;
    bool present, label;
    int activation, init, optimiser, reads;
} synthetic_options;

enum { IDENTITY, TANH };
enum { NORMAL, ZERO };
enum { SGD, ADAM };
enum { STATES, Z_ALONE };
enum { STREAM = 0x5347 }; /* of the draws of A */

#define NUMBER(field, what, value, kind_of, least, most)                                           \
    {                                                                                              \
        .name = "sg_" #field, .help = what, .fallback = value, .kind = HTH_KIND_##kind_of,         \
        .min = least, .max = most, .offset = offsetof(synthetic_options, field)                    \
    }

static const hth_option options[] = {
    NUMBER(lr, "learning rate of the prediction", "0.001", REAL, 0, 1e6),
    {.name = "sg_optimiser",
     .help = "how the prediction learns: sgd, plain gradient descent; or adam",
     .fallback = "sgd",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"sgd", "adam", NULL},
     .offset = offsetof(synthetic_options, optimiser)},
    NUMBER(hidden, "rectified units between state and prediction; 0: the prediction is linear", "0",
           INTEGER, 0, 1e6),
    NUMBER(
        scans,
        "2: the target comes of a scan of its own, and the gradient uses the prediction that has "
        "learned from it (Marschall et al. 2019; Bellec et al. 2019, Algorithm 1); 1: the "
        "gradient's scan gives the target, a tape later and for less",
        "1", INTEGER, 1, 2),
    NUMBER(refresh,
           "tapes after which the copy that the target is predicted with is renewed; 1: no copy; "
           "needs sg_scans = 2",
           "1", INTEGER, 1, 1e9),
    NUMBER(present, "the prediction stands for the loss of the tape's last step too", "false", BOOL,
           0, 0),
    NUMBER(scale, "factor of the prediction at the end of a tape (eta_SG of Bellec et al. 2019)",
           "1", REAL, 0, 1e6),
    {.name = "sg_activation",
     .help = "of the prediction that the target is made with: tanh makes it a rate (DNI(b)); needs "
             "sg_scans = 2",
     .fallback = "identity",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"identity", "tanh", NULL},
     .offset = offsetof(synthetic_options, activation)},
    {.name = "sg_reads",
     .help = "what the prediction reads of the units: states, s and z; or z alone (Bellec et al. "
             "2019), which is bounded where s is not (the c of an LSTM)",
     .fallback = "states",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"states", "z", NULL},
     .offset = offsetof(synthetic_options, reads)},
    NUMBER(label, "the prediction sees the target of the tape's last step", "true", BOOL, 0, 0),
    {.name = "sg_init",
     .help = "output weights at first: normal (variance 1 over the number of states, or of hidden "
             "units; "
             "biases 0) or zero, which begins with truncated backpropagation",
     .fallback = "zero",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"normal", "zero", NULL},
     .offset = offsetof(synthetic_options, init)},
    NUMBER(l2, "adds sg_l2 times the weights of the prediction to their gradient", "0", REAL, 0,
           1e6),
    NUMBER(loss,
           "the units learn by so many times the prediction's own error, 1/2 |prediction - "
           "target|^2, too (E_SG: Bellec et al. 2019, Algorithm 1, line 6: 1); needs "
           "learner.past = trace",
           "0", REAL, 0, 1e6),
};

typedef struct synthetic {
    size_t N, labels, in;
    size_t credit_at; /* where in X the direct error enters: z of the top layer */
    hth_real share;   /* of an item in the loss */
    hth_predictor net;
    hth_real *lagged;        /* copy of its weights; of no size if sg_refresh is 1 */
    hth_real *input, *last;  /* [batch][in]: x at the end of this tape, and of the one before */
    hth_real *credit;        /* [batch][n]: q of the last step of the tape before */
    hth_real *predicted;     /* [batch][N]: what becomes the boundary */
    hth_real *said;          /* [batch][N]: c(x) of the tape before, by A as it is; sg_scans = 2 */
    hth_real *goal;          /* [batch][N]: c* */
    hth_real *boundary;      /* [N] */
    hth_real *flow;          /* [batch][in]: d(sg_loss E_SG)/dx; these two: sg_loss > 0 only */
    hth_real *step;          /* sg_loss.h */
    uint64_t tapes, follows; /* tapes so far; not 0: there is a tape before, of this sequence */
} synthetic;

/* ---- The input of the prediction ---- */

static void read_label(const hth_tape *tape, size_t outputs, size_t item, hth_real *label) {
    const size_t at = (tape->steps - 1) * tape->batch + item;
    memset(label, 0, outputs * sizeof *label);
    if (hth_item_weight(&tape->chunk, at) == 0) return; /* it may then be anything */
    if (tape->chunk.targets)
        memcpy(label, tape->chunk.targets + at * outputs, outputs * sizeof *label);
    else
        label[tape->chunk.classes[at]] = 1;
}

/* What is not read counts as 0, in x and in a derivative to x. */
static void hide_states(const hth_learner *learner, hth_real *x) {
    const synthetic_options *o = learner->future.options;
    const hth_network *net = learner->network;
    for (size_t l = 0; o->reads == Z_ALONE && l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        if (layer->cell->observable == HTH_Z_SEPARATE)
            memset(x, 0, layer->cell->states * layer->n * sizeof *x);
        x += hth_joint_layer_states(layer);
    }
}

static void read_input(const hth_learner *learner, synthetic *kept) {
    const hth_tape *tape = learner->adjoint.tape;
    for (size_t b = 0; b < learner->batch; b++) {
        hth_real *x = kept->input + b * kept->in;
        hth_joint_values(tape, tape->steps, b, x);
        hide_states(learner, x);
        if (kept->labels) read_label(tape, kept->labels, b, x + kept->N);
        x[kept->in - 1] = 1;
    }
}

/* q of the tape's last step, of one item. */
static const hth_real *last_error(const hth_learner *learner, size_t item) {
    const size_t top = learner->network->layer_count - 1, n = learner->network->layers[top].n;
    const size_t at = (learner->adjoint.tape->steps - 1) * learner->batch + item;
    return learner->adjoint.layers[top].q + at * n;
}

static void add(size_t n, hth_real factor, const hth_real *x, hth_real *to) {
    HTH_SIMD
    for (size_t j = 0; j < n; j++) to[j] += factor * x[j];
}

/* ---- Bootstrapping ---- */

/* kept->predicted becomes the boundary at the end of the tape; nothing follows the end of a sequence. */
static void impose(hth_learner *learner, const synthetic *kept) {
    const synthetic_options *o = learner->future.options;
    if (learner->adjoint.tape->chunk.ends) {
        hth_adjoint_clear_boundary(&learner->adjoint);
        return;
    }
    const size_t n = learner->network->readout.n;
    for (size_t b = 0; b < learner->batch; b++) {
        const hth_real scale = (hth_real)o->scale, *c = kept->predicted + b * kept->N;
        HTH_SIMD
        for (size_t i = 0; i < kept->N; i++) kept->boundary[i] = scale * kept->share * c[i];
        if (o->present) add(n, -scale, last_error(learner, b), kept->boundary + kept->credit_at);
        hth_joint_seed(&learner->adjoint, b, kept->boundary);
    }
}

/* What was said of the end of the tape before, where it is known. */
static const hth_real *said(const hth_learner *learner, const synthetic *kept) {
    return ((const synthetic_options *)learner->future.options)->scans == 2 ? kept->said : NULL;
}

/* c* is the adjoint that a scan has left at the start of the tape; and what E_SG asks of x by it. */
static void see_start(hth_learner *learner, synthetic *kept) {
    const synthetic_options *o = learner->future.options;
    const size_t n = learner->network->readout.n, numbers = learner->batch * kept->in;
    const hth_real share = (hth_real)o->loss * kept->share;
    for (size_t b = 0; b < learner->batch; b++) {
        hth_real *goal = kept->goal + b * kept->N;
        hth_joint_start(learner, b, goal);
        if (o->present) add(n, 1, kept->credit + b * n, goal + kept->credit_at);
        HTH_SIMD
        for (size_t i = 0; i < kept->N; i++) goal[i] /= kept->share;
    }
    if (o->loss == 0) return;
    hth_predictor_back(learner->compute, &kept->net, kept->last, said(learner, kept), kept->goal,
                       kept->flow);
    for (size_t i = 0; i < numbers; i++) kept->flow[i] *= share;
    for (size_t b = 0; b < learner->batch; b++) hide_states(learner, kept->flow + b * kept->in);
}

/* One step of A towards c*. */
static void fit(hth_learner *learner, synthetic *kept) {
    const synthetic_options *o = learner->future.options;
    hth_predictor_fit(learner->compute, &kept->net, kept->last, said(learner, kept), kept->goal,
                      (hth_real)o->lr, (hth_real)o->l2);
}

/* The scan for the target alone, from the prediction of the copy. */
static void bootstrap(hth_learner *learner, synthetic *kept) {
    const synthetic_options *o = learner->future.options;
    const hth_real *weights = o->refresh > 1 ? kept->lagged : kept->net.weights;
    hth_predictor_run(learner->compute, &kept->net, weights, kept->input, kept->predicted);
    for (size_t i = 0; o->activation == TANH && i < learner->batch * kept->N; i++)
        kept->predicted[i] = hth_tanh(kept->predicted[i]);
    impose(learner, kept);
    learner->adjoint.skips_start = false;
    hth_scan(&learner->adjoint);
    see_start(learner, kept);
    fit(learner, kept);
}

static void boundary(hth_learner *learner) {
    synthetic *kept = learner->future.kept;
    const synthetic_options *o = learner->future.options;
    if (learner->adjoint.tape->fresh) kept->follows = 0;
    if (o->refresh > 1 && kept->tapes++ % (uint64_t)o->refresh == 0)
        memcpy(kept->lagged, kept->net.weights, hth_predictor_count(&kept->net) * sizeof(hth_real));
    read_input(learner, kept);
    if (o->scans == 2 && kept->follows) bootstrap(learner, kept);
    hth_predictor_run(learner->compute, &kept->net, kept->net.weights, kept->input,
                      kept->predicted);
    impose(learner, kept);
    learner->adjoint.skips_start =
        o->scans == 2 && !learner->axes.past->carry && !learner->network->layers[0].learns_initial;
}

static void start(hth_learner *learner) {
    synthetic *kept = learner->future.kept;
    const synthetic_options *o = learner->future.options;
    if (!kept->follows) return;
    if (o->scans == 1) see_start(learner, kept);
    if (o->loss != 0) hth_sg_loss_enter(learner, kept->flow, kept->in, kept->step);
}

static void learn(hth_learner *learner, hth_gradient *gradient) {
    synthetic *kept = learner->future.kept;
    const synthetic_options *o = learner->future.options;
    const size_t n = learner->network->readout.n;
    /* From the tape before. */
    if (o->scans == 1 && kept->follows) fit(learner, kept);
    if (o->loss != 0 && kept->follows)
        hth_sg_loss_add(learner, kept->flow, kept->in, kept->step, gradient);
    /* What the next one will need of this. */
    if (o->loss != 0) hth_sg_loss_note(learner, kept->step);
    memcpy(kept->last, kept->input, learner->batch * kept->in * sizeof(hth_real));
    memcpy(kept->said, kept->predicted, learner->batch * kept->N * sizeof(hth_real));
    for (size_t b = 0; b < learner->batch; b++)
        memcpy(kept->credit + b * n, last_error(learner, b), n * sizeof(hth_real));
    kept->follows = 1;
}

/* ---- Making ---- */

static void reset(hth_learner *learner) {
    synthetic *kept = learner->future.kept;
    kept->follows = 0;
}

static size_t place_of_z(const hth_network *net) {
    const hth_layer *top = &net->layers[net->layer_count - 1];
    const size_t below = hth_joint_states(net) - hth_joint_layer_states(top);
    return below + (top->cell->observable == HTH_Z_SEPARATE ? top->cell->states * top->n : 0);
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *given) {
    const synthetic_options *o = given;
    const hth_network *net = plan->network;
    synthetic counted = {0}, *kept = HTH_TAKE(arena, synthetic, 1), *placed = kept;
    if (!kept) kept = &counted;
    /* What the prediction reads and says. */
    kept->N = hth_joint_states(net);
    kept->labels = o->label ? net->readout.outputs : 0;
    kept->in = kept->N + kept->labels + 1;
    kept->credit_at = kept->N ? place_of_z(net) : 0;
    kept->net = (hth_predictor){.in = kept->in,
                                .hidden = (size_t)o->hidden,
                                .out = kept->N,
                                .rows = plan->batch,
                                .method = o->optimiser == ADAM ? hth_method_named("adam") : NULL};
    kept->share = net->readout.mean_over_batch ? 1 / (hth_real)plan->batch : 1;
    /* Its weights, and what is kept from tape to tape. */
    hth_predictor_lay_out(arena, &kept->net);
    kept->lagged = HTH_TAKE(arena, hth_real, o->refresh > 1 ? hth_predictor_count(&kept->net) : 0);
    kept->input = HTH_TAKE(arena, hth_real, hth_times(plan->batch, kept->in));
    kept->last = HTH_TAKE(arena, hth_real, hth_times(plan->batch, kept->in));
    kept->credit = HTH_TAKE(arena, hth_real, hth_times(plan->batch, net->readout.n));
    kept->predicted = HTH_TAKE(arena, hth_real, hth_times(plan->batch, kept->N));
    kept->said = HTH_TAKE(arena, hth_real, hth_times(plan->batch, kept->N));
    kept->goal = HTH_TAKE(arena, hth_real, hth_times(plan->batch, kept->N));
    kept->boundary = HTH_TAKE(arena, hth_real, kept->N);
    const size_t numbers = o->loss != 0 ? hth_sg_loss_numbers(net) : 0;
    kept->flow = HTH_TAKE(arena, hth_real, o->loss != 0 ? hth_times(plan->batch, kept->in) : 0);
    kept->step = HTH_TAKE(arena, hth_real, hth_times(plan->batch, numbers));
    const double variance = 1 / (double)(o->hidden ? (size_t)o->hidden : kept->N);
    if (placed) hth_predictor_draw(&kept->net, o->init == ZERO ? 0 : variance, plan->seed, STREAM);
    return placed;
}

static size_t state(hth_learner *learner, hth_field *fields, size_t capacity) {
    synthetic *kept = learner->future.kept;
    /* All fields, and when they are there; then those that are. */
    const synthetic_options *o = learner->future.options;
    const size_t weights = hth_predictor_count(&kept->net), B = learner->batch;
    const size_t step = o->loss != 0 ? B * hth_sg_loss_numbers(learner->network) : 0;
    const struct {
        bool is_there;
        hth_field field;
    } all[] = {
        {true, {"sg.weights", HTH_DTYPE_REAL, weights, kept->net.weights, {0}}},
        {true, {"sg.input", HTH_DTYPE_REAL, B * kept->in, kept->last, {0}}},
        {true, {"sg.follows", HTH_DTYPE_U64, 1, &kept->follows, {0}}},
        {o->present,
         {"sg.credit", HTH_DTYPE_REAL, B * learner->network->readout.n, kept->credit, {0}}},
        {o->scans == 2, {"sg.said", HTH_DTYPE_REAL, B * kept->N, kept->said, {0}}},
        {step > 0, {"sg.step", HTH_DTYPE_REAL, step, kept->step, {0}}},
        {o->refresh > 1, {"sg.lagged", HTH_DTYPE_REAL, weights, kept->lagged, {0}}},
        {o->refresh > 1, {"sg.tapes", HTH_DTYPE_U64, 1, &kept->tapes, {0}}},
        {o->optimiser == ADAM, {"sg.mean", HTH_DTYPE_REAL, weights, kept->net.moment[0], {0}}},
        {o->optimiser == ADAM, {"sg.square", HTH_DTYPE_REAL, weights, kept->net.moment[1], {0}}},
        {o->optimiser == ADAM, {"sg.fits", HTH_DTYPE_U64, 1, &kept->net.fits, {0}}},
    };
    size_t count = 0;
    for (size_t i = 0; i < HTH_COUNT(all); i++) {
        if (!all[i].is_there) continue;
        if (count < capacity) fields[count] = all[i].field;
        count++;
    }
    return count;
}

static hth_learned learned(const hth_learner *learner) {
    const synthetic_options *o = learner->future.options;
    const size_t N = hth_joint_states(learner->network), H = (size_t)o->hidden;
    const size_t in = N + (o->label ? learner->network->readout.outputs : 0) + 1;
    return (hth_learned){.weights = H ? in * H + (H + 1) * N : in * N,
                         .copies = 1 + (o->refresh > 1) + (o->optimiser == ADAM ? 2 : 0),
                         .beside = o->loss != 0 ? hth_sg_loss_numbers(learner->network) : 0};
}

static size_t needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    const synthetic_options *o = learner->future.options;
    size_t count = 0;
    out[count++] = (hth_need){"ii", true, "the prediction's weights, with a local delta rule"};
    out[count++] =
        o->activation == TANH
            ? (hth_need){"iii", true,
                         "the Jacobian times the prediction, which an activation makes a rate"}
            : (hth_need){"iii", false, "the Jacobian times the prediction, which is a voltage"};
    if (o->hidden)
        out[count++] = (hth_need){"iii", false,
                                  "the error of the prediction, sent back through its own weights"};
    return count;
}

const hth_future hth_future_synthetic = {
    .axis = {.part = {.name = "synthetic",
                      .summary =
                          "a prediction of the credit, linear or with hidden units, that learns "
                          "from the next tape",
                      .source = "DNI: Jaderberg et al. 2017; Marschall et al. 2019, Table 1",
                      .options = {"learner", options, HTH_COUNT(options)}},
             .options_size = sizeof(synthetic_options),
             .bias = HTH_BIASED,
             .joins_items = true,
             .memory = "(c*w+b)*s/N + sg_scans*s + top*(sg_label*o + sg_present*n + 1)",
             .operations = "3*w*s/(N*K) + (sg_scans-1)*g*n*n",
             .learned = learned,
             .lay_out = lay_out,
             .reset = reset,
             .state = state,
             .needs = needs},
    .boundary = boundary,
    .start = start,
    .predicts = true,
    .learn = learn,
};
