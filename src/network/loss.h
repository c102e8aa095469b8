/*
 * A loss compares outputs with targets. Outputs come in tiles [outputs of the tile][stride], an item
 * being a step of one sequence of the batch, so that thousands of classes pass through the cache once:
 *
 *     measure   adds up the loss that is reported; may leave in y what error needs (softmax:
 *               exponentials)
 *     finish    optional: joins what the tiles found, per item
 *     error     writes dE/dy
 *
 * By default what is reported is E. Where an option changes that, its help says so, and its default
 * (the first of its choices, or 0) is E.
 */
#ifndef HTH_LOSS_H
#define HTH_LOSS_H

#include "base/options.h"
#include "base/random.h"
#include "network/inspect.h"

/* Per item, found tile by tile. */
typedef struct hth_loss_statistics {
    hth_real *peak;  /* [items] largest output of the tile */
    int32_t *best;   /* [items] which output that is */
    hth_real *sum;   /* [items] a sum over the tile's outputs */
    hth_real *cross; /* [items] another */
    hth_real *scale; /* [items] set by finish: factor of the tile */
} hth_loss_statistics;

typedef struct hth_loss_tile {
    const void *options;
    size_t first, rows;            /* outputs first .. first+rows-1 */
    size_t items;                  /* to compare with their targets */
    size_t stride;                 /* from an output to the next in y */
    size_t outputs;                /* of the whole */
    const hth_real *class_weights; /* [outputs]; NULL: all 1, or targets are values */
    const hth_chunk *chunk;        /* targets, classes and weights of these items */
    hth_loss_statistics statistics;
    const hth_real *y; /* [rows][stride] as measure left it, for finish */
    double loss;       /* what measure returned */
} hth_loss_tile;

typedef struct hth_loss {
    hth_part part;
    size_t options_size;
    double least, most;                 /* of targets that are values; both 0: any */
    size_t least_outputs, most_outputs; /* that it has a meaning for; 0: any */
    bool of_actions; /* outputs choose actions: targets are advantages, and a return */
    /* Optional: what the reported loss is counted in. Without it no metric can be made of the loss. */
    hth_loss_scale (*scale)(const void *options, size_t outputs);
    /* Optional, of options that ask for it: puts outputs that do not compete for an item far below all others, before
     * the largest is looked for. */
    void (*mask)(const hth_loss_tile *tile, hth_real *y);
    /* Optional: a sentence on why the options have no meaning for so many outputs, or for targets that are values;
     * NULL: they have one. */
    const char *(*refuses)(const void *options, size_t outputs, bool classes);
    /* Returns the tile's share of the loss, weighted; 0 if finish returns it. */
    double (*measure)(const hth_loss_tile *tile, hth_real *y);
    double (*finish)(const hth_loss_tile *tiles, size_t count);
    /* error[rows][width] = dE/dy times the item's weight; never the same array as y. */
    void (*error)(const hth_loss_tile *tile, const hth_real *y, size_t width, hth_real *error);
    /* Optional, together: the targets of one item and step as if they were what the outputs y say, for their Fisher
     * information. `draw` writes dE/dy, in nats and without weights, for a target drawn from them; `given` is the class
     * that the data have, or -1. `root` writes the k-th of as many vectors as there are outputs, whose products with
     * themselves add up to the mean of such products of what `draw` gives. */
    void (*draw)(const void *options, size_t outputs, int32_t given, const hth_real *y,
                 const hth_random *random, uint64_t index, hth_real *error);
    void (*root)(const void *options, size_t outputs, int32_t given, const hth_real *y, size_t k,
                 hth_real *error);
    /* Optional: an option that changes along a run. Sets the weight of the entropy at `progress`, 0 to 1, and returns
     * it. as_reward: the caller adds the entropy to rewards, so the loss has none. Called with 0 when options have been
     * read. */
    double (*anneal)(void *options, double progress, bool as_reward);
} hth_loss;

static inline hth_real hth_item_weight(const hth_chunk *chunk, size_t item) {
    return chunk->weights ? chunk->weights[item] : 1;
}

/* What the loss of an item counts. Where the weight is 0 the class may be anything. */
static inline hth_real hth_loss_weight(const hth_loss_tile *tile, size_t item) {
    const hth_real weight = hth_item_weight(tile->chunk, item);
    if (!tile->class_weights || weight == 0) return weight;
    return weight * tile->class_weights[tile->chunk->classes[item]];
}

/* Target of an output: a value, or 1 for the class and 0 for the others. */
static inline hth_real hth_item_target(const hth_chunk *chunk, size_t outputs, size_t item,
                                       size_t output) {
    if (chunk->targets) return chunk->targets[item * outputs + output];
    return (size_t)chunk->classes[item] == output ? HTH_C(1.0) : HTH_C(0.0);
}

const hth_loss *hth_loss_at(size_t index); /* losses.c: the visible array */

enum { HTH_LOSS_SUM, HTH_LOSS_MEAN, HTH_LOSS_WINDOW }; /* loss.time */

/* loss.batch, loss.time and loss.class_weights: common to all. */
typedef struct hth_loss_common {
    int batch, time;
    const char *class_weights;
} hth_loss_common;

#endif
