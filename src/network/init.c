/*
 * Initial parameters. Each block has its own stream of counter-based random numbers, so that a wider
 * readout does not change the recurrent weights.
 *
 *     normal      N(0, scale^2 / fan-in)           Marschall et al. 2019; Bellec et al. 2018; biases,
 *                                                  token vectors and initial states: N(0, scale^2)
 *     uniform     U(-scale, scale)                 the word model's 0.1
 *     glorot      U(+- scale sqrt(6 / (fan-in + fan-out)))
 *     orthogonal  Q of a QR decomposition of an N(0,1) matrix, times scale
 *     identity    scale on the diagonal, else 0    Le, Jaitly & Hinton 2015 (IRNN); recurrent weights alone
 *     zero
 *
 * All are drawn, and fans counted, as if every connection existed and none had a delay; then those that do not are
 * taken out, and each goes to the column of its delay. Last, init.spectral_radius scales the recurrent weights of each
 * gate (radius.c).
 */
#include "network/network.h"

#include "base/random.h"
#include "network/catalogues.h"

#include <math.h>

enum { NORMAL, UNIFORM, GLOROT, ORTHOGONAL, ZERO, IDENTITY };

#define KINDS "normal", "uniform", "glorot", "orthogonal", "zero"
static const char *const kinds[] = {KINDS, NULL};
static const char *const square_kinds[] = {KINDS, "identity",
                                           NULL}; /* of matrices that are square */

typedef struct init_options {
    struct {
        int kind;
        double scale;
    } w_rec, w_in, w_fb, bias, w_out, b_out, embedding, initial;
    double radius;
} init_options;

#define KIND_OF(field, what, fall, of)                                                             \
    {                                                                                              \
        .name = #field,                                                                            \
        .help = "how the " what " are drawn: normal has deviation scale/sqrt(fan-in)",             \
        .fallback = fall, .kind = HTH_KIND_CHOICE, .choices = of,                                  \
        .offset = offsetof(init_options, field.kind)                                               \
    }
#define KIND(field, what, fall) KIND_OF(field, what, fall, kinds)
#define SCALE(field, what)                                                                         \
    {                                                                                              \
        .name = #field "_scale", .help = "scale of the " what, .fallback = "1",                    \
        .kind = HTH_KIND_REAL, .min = 0, .max = 1e6, .offset = offsetof(init_options, field.scale) \
    }

static const hth_option items[] = {
    KIND_OF(w_rec, "recurrent weights", "normal", square_kinds),
    SCALE(w_rec, "recurrent weights"),
    {.name = "spectral_radius",
     .help = "scales the recurrent weights of each gate so that this is the size of their largest "
             "eigenvalue; an echo state network has about 0.9. 0: they stay as they are drawn",
     .fallback = "0",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e6,
     .offset = offsetof(init_options, radius)},
    KIND(w_in, "input weights", "normal"),
    SCALE(w_in, "input weights"),
    KIND_OF(w_fb, "weights of outputs that are fed back", "uniform", square_kinds),
    SCALE(w_fb, "weights of outputs that are fed back"),
    KIND(bias, "biases of the units", "zero"),
    SCALE(bias, "biases of the units"),
    KIND(w_out, "readout weights", "normal"),
    SCALE(w_out, "readout weights"),
    KIND(b_out, "readout biases", "zero"),
    SCALE(b_out, "readout biases"),
    KIND(embedding, "token vectors", "normal"),
    SCALE(embedding, "token vectors"),
    KIND(initial, "learned initial states", "zero"),
    SCALE(initial, "learned initial states"),
};

const hth_catalogue hth_init_section = {
    .kind = "init",
    .summary = "Initial values of the parameters.",
    .common = {"init", items, HTH_COUNT(items)},
};

/* A rows x columns part of a matrix, `stride` apart; fans as for its use as W z. */
typedef struct part {
    hth_real *data;
    size_t rows, columns, stride;
} part;

static void fill(const part *p, int kind, double scale, const hth_random *random) {
    double glorot = sqrt(6.0 / (double)(p->rows + p->columns)), fan = sqrt((double)p->columns);
    for (size_t i = 0; i < p->rows; i++)
        for (size_t j = 0; j < p->columns; j++) {
            uint64_t at = (uint64_t)(i * p->columns + j);
            double u = kind == NORMAL || kind == ORTHOGONAL
                           ? hth_random_normal(random, at)
                           : 2 * hth_random_uniform(random, at) - 1;
            double factor = kind == NORMAL ? 1 / fan : kind == GLOROT ? glorot : 1;
            if (kind == ZERO || kind == IDENTITY) u = kind == IDENTITY && i == j;
            p->data[i * p->stride + j] = (hth_real)(u * factor * scale);
        }
}

static double dot(const hth_real *a, const hth_real *b, size_t count) {
    double sum = 0;
    for (size_t j = 0; j < count; j++) sum += (double)a[j] * (double)b[j];
    return sum;
}

/* Orthonormal rows (of each square block of `columns` rows) by Gram-Schmidt, run twice for accuracy. */
static void orthogonalise(const part *p, double scale) {
    for (size_t i = 0; i < p->rows; i++) {
        hth_real *row = p->data + i * p->stride;
        size_t first = i / p->columns * p->columns;
        for (int pass = 0; pass < 2; pass++)
            for (size_t k = first; k < i; k++) {
                const hth_real *other = p->data + k * p->stride;
                double along = dot(row, other, p->columns);
                for (size_t j = 0; j < p->columns; j++)
                    row[j] -= (hth_real)(along * (double)other[j]);
            }
        double length = sqrt(dot(row, row, p->columns));
        for (size_t j = 0; j < p->columns; j++) row[j] = (hth_real)((double)row[j] / length);
    }
    for (size_t i = 0; i < p->rows; i++)
        for (size_t j = 0; j < p->columns; j++) p->data[i * p->stride + j] *= (hth_real)scale;
}

static void draw(part p, int kind, double scale, uint64_t seed, uint32_t stream) {
    hth_random random = {seed, HTH_RANDOM_INIT, stream};
    fill(&p, kind, kind == ORTHOGONAL ? 1 : scale, &random);
    if (kind == ORTHOGONAL) orthogonalise(&p, scale);
}

/* Streams of the blocks: never renumber. */
enum {
    STREAM_READOUT = 1,
    STREAM_READOUT_BIAS,
    STREAM_EMBEDDING,
    STREAM_LAYERS = 16,
    PER_LAYER = 64
};

/* What the layer's wiring makes impossible. */
static hth_status check_layer(const hth_layer *layer, const init_options *o, bool is_orthogonal,
                              hth_error *error) {
    if (o->w_rec.kind == IDENTITY && !layer->has_self)
        return hth_fail(error, HTH_INVALID,
                        "init.w_rec is identity, but the units of layer %zu have no connections to "
                        "themselves: set network.self_connections to true",
                        layer->number);
    if (o->radius > 0 && layer->wiring.late_z)
        return hth_fail(error, HTH_INVALID,
                        "init.spectral_radius is %g, but with network.delay > 1 the weights act at "
                        "several delays and have none together: set it to 0",
                        o->radius);
    if (is_orthogonal && (o->w_rec.kind == ZERO || o->w_rec.scale == 0 || o->radius > 0))
        return hth_fail(error, HTH_INVALID,
                        "network.orthogonal is true, but init.w_rec is zero, or its scale 0, or "
                        "init.spectral_radius is given: take init.w_rec = orthogonal or identity, "
                        "and no spectral radius");
    return HTH_OK;
}

/* Scales the recurrent weights of each gate to a spectral radius. */
static hth_status set_radius(const hth_layer *layer, hth_real *w, double radius, hth_error *error) {
    const size_t n = layer->n, m = layer->m;
    for (size_t g = 0; radius > 0 && g < layer->cell->drives; g++) {
        hth_real *gate = w + g * n * m;
        double found;
        if (!layer->cell->reads[g].z) continue;
        HTH_TRY(hth_spectral_radius(n, gate, m, &found, error));
        if (!(found > 0))
            return hth_fail(error, HTH_INVALID,
                            "init.spectral_radius is %g, but all eigenvalues of the recurrent "
                            "weights of layer %zu are 0: set it to 0, or other connections",
                            radius, layer->number);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                gate[i * m + j] = (hth_real)((double)gate[i * m + j] * (radius / found));
    }
    return HTH_OK;
}

/* The weights of a layer whose rows are not those of units: one matrix. */
static void draw_rows(const hth_layer *layer, hth_real *w, const init_options *o, uint64_t seed,
                      uint32_t stream) {
    const size_t n = layer->n, m = layer->m;
    draw((part){w + n, layer->rows, layer->reads.width, m}, o->w_in.kind, o->w_in.scale, seed,
         stream + 1);
    draw((part){w + m - 1, layer->rows, 1, m}, o->bias.kind, o->bias.scale, seed, stream + 2);
}

static hth_status draw_layer(const hth_network *net, uint32_t index, const init_options *o,
                             uint64_t seed, hth_error *error) {
    const hth_layer *layer = &net->layers[index];
    const hth_cell *cell = layer->cell;
    const size_t n = layer->n, m = layer->m, fed = layer->reads.fed;
    const uint32_t stream = STREAM_LAYERS + PER_LAYER * index;
    hth_real *theta = net->theta, *w = theta + layer->weight;
    if (layer->kind->shape) {
        draw_rows(layer, w, o, seed, stream);
        return HTH_OK;
    }
    HTH_TRY(check_layer(layer, o, net->squares != NULL, error));
    for (uint32_t g = 0; g < cell->drives; g++) { /* each gate has fans of its own */
        hth_real *gate = w + g * n * m;
        if (hth_reads_nothing(&cell->reads[g])) continue; /* what the settings say */
        draw((part){gate, n, n, m}, o->w_rec.kind, o->w_rec.scale, seed, stream + 4 * g);
        if (net->squares && cell->reads[g].z) orthogonalise(&(part){gate, n, n, m}, 1);
        draw((part){gate + n, n, layer->reads.width - fed, m}, o->w_in.kind, o->w_in.scale, seed,
             stream + 4 * g + 1);
        draw((part){gate + n + layer->reads.width - fed, n, fed, m}, o->w_fb.kind, o->w_fb.scale,
             seed, stream + 4 * g + 3);
        draw((part){gate + m - 1, n, 1, m}, o->bias.kind, o->bias.scale, seed, stream + 4 * g + 2);
    }
    for (size_t row = 0; cell->bias && row < layer->rows; row++)
        w[row * m + m - 1] += (hth_real)cell->bias(layer->options, row / n);
    for (size_t row = 0; layer->excites && row < layer->rows; row++)
        for (size_t k = 0; k < n; k++) {
            const hth_real size = (hth_real)fabs(w[row * m + k]);
            w[row * m + k] = layer->excites[k] > 0 ? size : 0 - size;
        }
    hth_wiring_spread(layer, w);
    hth_layer_mask(layer, w);
    HTH_TRY(set_radius(layer, w, o->radius, error));
    if (layer->learns_initial)
        draw((part){theta + layer->initial, hth_layer_initial_rows(layer) * n, 1, 1},
             o->initial.kind, o->initial.scale, seed, stream + 32);
    return HTH_OK;
}

hth_status hth_network_draw(hth_network *net, const hth_settings *settings, uint64_t seed,
                            hth_error *error) {
    init_options o;
    HTH_TRY(hth_options_read(&hth_init_section.common, settings, &o, error));
    for (size_t l = 0; l < net->layer_count; l++)
        HTH_TRY(draw_layer(net, (uint32_t)l, &o, seed, error));
    if (net->embedding)
        draw((part){net->theta + net->embedding_weight, net->shape.vocabulary * net->embedding, 1,
                    1},
             o.embedding.kind, o.embedding.scale, seed, STREAM_EMBEDDING);
    const hth_readout *r = &net->readout;
    draw((part){net->theta + r->weight, r->outputs, r->n, r->n}, o.w_out.kind, o.w_out.scale, seed,
         STREAM_READOUT);
    if (r->has_bias)
        draw((part){net->theta + r->bias, r->outputs, 1, 1}, o.b_out.kind, o.b_out.scale, seed,
             STREAM_READOUT_BIAS);
    return HTH_OK;
}
