/*
 * Softmax cross-entropy, for a class or for soft targets t (Marschall et al. 2019, task Add):
 *
 *     p = softmax(y)     E = - sum_k t_k log p_k     dE/dy = p sum(t) - t
 *
 * With thousands of classes the outputs fill the cache many times over, so each tile is turned into
 * exp(y - peak of the tile) when it is measured and only rescaled when the error is wanted: one
 * exponential per output, and the normaliser is joined over tiles in a fixed order.
 *
 * With clip > 0 what is reported is - sum_k t_k log max(p_k, clip), as the code of Marschall et al. has
 * it (1e-4): one surprise then counts at most -log clip. The gradient is that of E in either case.
 *
 * With heads > 1 outputs k C .. k C + C - 1 are head k, and p is a softmax over the head of the target's class alone:
 * of the other outputs p and dE/dy are exactly 0.
 */
#include "kernels/elementwise.h"
#include "network/losses/losses.h"

typedef struct softmax_options {
    double clip;
    int64_t heads;
} softmax_options;

static const hth_option options[] = {
    {.name = "clip",
     .help =
         "least probability that is reported (Marschall et al. 2019: 1e-4); the gradient is not "
         "changed; 0: none",
     .fallback = "0",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1,
     .offset = offsetof(softmax_options, clip)},
    {.name = "heads",
     .help = "outputs in so many groups of one size, of which only that of the target's class "
             "competes: a head for each of several tasks (view.head)",
     .fallback = "1",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e6,
     .offset = offsetof(softmax_options, heads)},
};

/* cross = sum_k t_k y_k; for a class that is y of the class, if it is in this tile. */
static void cross(const hth_loss_tile *tile, const hth_real *y) {
    const hth_chunk *chunk = tile->chunk;
    for (size_t i = 0; i < tile->items; i++) {
        hth_real sum = 0;
        if (chunk->classes) {
            size_t k = (size_t)chunk->classes[i] - tile->first; /* wraps: then it is elsewhere */
            if (k < tile->rows) sum = y[k * tile->stride + i];
        } else {
            const hth_real *t = chunk->targets + i * tile->outputs + tile->first;
            for (size_t k = 0; k < tile->rows; k++) sum += t[k] * y[k * tile->stride + i];
        }
        tile->statistics.cross[i] = sum;
    }
}

static double measure(const hth_loss_tile *tile, hth_real *y) {
    const hth_real *peak = tile->statistics.peak;
    hth_real *sum = tile->statistics.sum;
    const size_t items = tile->items;
    cross(tile, y);
    for (size_t i = 0; i < items; i++) sum[i] = 0;
    for (size_t k = 0; k < tile->rows; k++) {
        hth_real *row = y + k * tile->stride;
        HTH_SIMD
        for (size_t i = 0; i < items; i++) {
            row[i] = hth_exp(row[i] - peak[i]);
            sum[i] += row[i];
        }
    }
    return 0;
}

static double target_sum(const hth_loss_tile *tile, size_t item) {
    if (tile->chunk->classes) return 1;
    double sum = 0;
    const hth_real *t = tile->chunk->targets + item * tile->outputs;
    for (size_t k = 0; k < tile->outputs; k++) sum += (double)t[k];
    return sum;
}

/* - sum_k t_k log max(p_k, clip), of one item, after scale has been set: p = y scale / targets. */
static double clipped(const hth_loss_tile *tiles, size_t count, size_t item, double targets) {
    const hth_chunk *chunk = tiles->chunk;
    const double clip = ((const softmax_options *)tiles->options)->clip;
    double loss = 0;
    for (size_t q = 0; q < count && targets > 0; q++) {
        const hth_loss_tile *tile = &tiles[q];
        const double scale = (double)tile->statistics.scale[item] / targets;
        for (size_t k = 0; k < tile->rows; k++) {
            double t = (double)hth_item_target(chunk, tile->outputs, item, tile->first + k);
            double p = scale * (double)tile->y[k * tile->stride + item];
            if (t != 0) loss -= t * hth_log64(p > clip ? p : clip);
        }
    }
    return loss;
}

static double finish(const hth_loss_tile *tiles, size_t count) {
    const double clip = ((const softmax_options *)tiles->options)->clip;
    double total = 0;
    for (size_t i = 0; i < tiles->items; i++) {
        /* The largest output of all tiles. */
        double peak = (double)tiles->statistics.peak[i], sum = 0, product = 0;
        for (size_t q = 1; q < count; q++)
            if ((double)tiles[q].statistics.peak[i] > peak)
                peak = (double)tiles[q].statistics.peak[i];
        /* The normaliser, each tile's sum relative to that peak. */
        for (size_t q = 0; q < count; q++) {
            const hth_loss_statistics *s = &tiles[q].statistics;
            const double own = (double)s->peak[i];
            const double relative = own == peak ? 1 : hth_exp64(own - peak); /* exp(0) is 1 */
            s->scale[i] = (hth_real)relative;
            sum += relative * (double)s->sum[i];
            product += (double)s->cross[i];
        }
        /* What turns a tile's exponentials into probabilities, and the loss. */
        double targets = target_sum(tiles, i);
        for (size_t q = 0; q < count; q++)
            tiles[q].statistics.scale[i] *= (hth_real)(targets / sum);
        double loss = targets * (peak + hth_log64(sum)) - product;
        if (clip > 0 && isfinite(loss)) loss = clipped(tiles, count, i, targets);
        total += (double)hth_loss_weight(tiles, i) * loss;
    }
    return total;
}

static void error_of(const hth_loss_tile *tile, const hth_real *y, size_t width, hth_real *error) {
    const hth_chunk *chunk = tile->chunk;
    const hth_real *scale = tile->statistics.scale;
    const size_t items = tile->items;
    /* p sum(t) */
    for (size_t k = 0; k < tile->rows; k++) {
        HTH_SIMD
        for (size_t i = 0; i < items; i++)
            error[k * width + i] = y[k * tile->stride + i] * scale[i];
    }
    /* - t */
    for (size_t i = 0; i < items; i++) {
        if (chunk->classes) {
            size_t k = (size_t)chunk->classes[i] - tile->first;
            if (k < tile->rows) error[k * width + i] -= 1;
        } else {
            const hth_real *t = chunk->targets + i * tile->outputs + tile->first;
            for (size_t k = 0; k < tile->rows; k++) error[k * width + i] -= t[k];
        }
    }
    for (size_t i = 0; i < items && (chunk->weights || tile->class_weights); i++) {
        const hth_real weight = hth_loss_weight(tile, i);
        for (size_t k = 0; k < tile->rows; k++) error[k * width + i] *= weight;
    }
}

/* Outputs of other heads: so low that exp is 0, in either precision. */
static void mask(const hth_loss_tile *tile, hth_real *y) {
    const softmax_options *o = tile->options;
    if (o->heads <= 1 || !tile->chunk->classes) return;
    const size_t size = tile->outputs / (size_t)o->heads;
    for (size_t i = 0; i < tile->items; i++) {
        const int32_t class = tile->chunk->classes[i];
        if (class < 0 || (size_t) class >= tile->outputs) continue; /* its weight is 0 */
        const size_t first = (size_t) class / size * size;
        for (size_t k = 0; k < tile->rows; k++)
            if (tile->first + k - first >= size) y[k * tile->stride + i] = HTH_C(-1e30);
    }
}

static const char *refuses(const void *given, size_t outputs, bool classes) {
    const softmax_options *o = given;
    if (o->heads <= 1) return NULL;
    if (!classes) return "loss.heads is set, but the targets are no classes: leave it out";
    if (outputs % (size_t)o->heads != 0)
        return "loss.heads does not divide the number of outputs: heads are of one size";
    return NULL;
}

/* Whose outputs share the probability of a class: those of its head, or all. */
typedef struct softmax_head {
    size_t first, size;
} softmax_head;

static softmax_head head_of(const softmax_options *o, size_t outputs, int32_t class) {
    if (o->heads <= 1 || class < 0 || (size_t) class >= outputs) return (softmax_head){0, outputs};
    const size_t size = outputs / (size_t)o->heads;
    return (softmax_head){(size_t) class / size * size, size};
}

/* p[outputs] = softmax(y) over a head; 0 outside. */
static void probabilities(size_t outputs, softmax_head head, const hth_real *y, hth_real *p) {
    hth_real peak = y[head.first], sum = 0;
    for (size_t k = 0; k < outputs; k++) p[k] = 0;
    y += head.first, p += head.first;
    for (size_t k = 1; k < head.size; k++) peak = y[k] > peak ? y[k] : peak;
    for (size_t k = 0; k < head.size; k++) sum += p[k] = hth_exp(y[k] - peak);
    for (size_t k = 0; k < head.size; k++) p[k] /= sum;
}

/* A class with its probability: p - 1 at the class. */
static void draw(const void *given, size_t outputs, int32_t class, const hth_real *y,
                 const hth_random *random, uint64_t index, hth_real *error) {
    const softmax_head head = head_of(given, outputs, class);
    const size_t last = head.first + head.size - 1;
    double left = hth_random_uniform(random, index);
    size_t drawn = head.first;
    probabilities(outputs, head, y, error);
    while (drawn < last && (left -= (double)error[drawn]) >= 0) drawn++;
    error[drawn] -= 1;
}

static void root(const void *given, size_t outputs, int32_t class, const hth_real *y, size_t at,
                 hth_real *error) {
    probabilities(outputs, head_of(given, outputs, class), y, error);
    const hth_real share = (hth_real)sqrt((double)error[at]);
    error[at] -= 1;
    for (size_t k = 0; k < outputs; k++) error[k] *= share;
}

static hth_loss_scale scale(const void *given, size_t outputs) {
    const softmax_options *o = given;
    (void)outputs;
    return (hth_loss_scale){
        .unit = "nats", .nats = 1, .one_class = true, .heads = (size_t)o->heads};
}

HTH_PART_OF(const hth_loss, hth_loss_softmax) = {
    .part = {.name = "softmax",
             .summary = "cross-entropy of one class out of many, in nats",
             .source = "Marschall et al. 2019, p. 3; Bellec et al. 2019, Methods 1.2",
             .options = {"loss", options, HTH_COUNT(options)}},
    .options_size = sizeof(softmax_options),
    .least = 0,
    .most = 1e9, /* a target need not be a probability, only not negative */
    .mask = mask,
    .refuses = refuses,
    .scale = scale,
    .measure = measure,
    .finish = finish,
    .error = error_of,
    .draw = draw,
    .root = root,
};
