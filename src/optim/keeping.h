/* What an optimiser keeps of earlier tasks: the chosen part of the section `keep` with its arrays. */
#ifndef HTH_KEEPING_H
#define HTH_KEEPING_H

#include "optim/keep/keep.h"

/* The weights of a layer, from `offset` on, and their projectors. */
typedef struct hth_keep_space {
    size_t offset;
    hth_keep_sides sides;
} hth_keep_space;

/* What a part keeps, by its options. */
typedef struct hth_keep_size {
    size_t arrays; /* a number for each parameter, in each */
    bool both;     /* of a part that projects: on both sides */
} hth_keep_size;

typedef struct hth_keeping {
    const hth_keep *kind;
    void *options;
    hth_keep_pull pull; /* of a part that pulls; else all 0 */
    bool acts;          /* an update is more than the method's */
    bool follows;       /* `after` has something to do */
    size_t arrays, count;
    hth_real *kept[HTH_MOST_KEPT]; /* each [count] */
    size_t space_count;            /* 0: it does not project */
    hth_keep_space *spaces;
    hth_real *projected, *scratch; /* [count], [the most columns, or rows] */
    /* Of the update under way: what is prepared for the rate of its parameters; the method sees own g + rest dP/dtheta;
     * scale g is the task's gradient before it is clipped. */
    hth_real number[HTH_KEEP_NUMBERS];
    hth_real own, rest, scale;
    double rate;
    /* State. */
    uint64_t updates, consolidations;
    double sequences; /* noted since the last consolidation */
} hth_keeping;

/* Lays the arrays and options out, for a network of `count` parameters with these blocks. */
void hth_keeping_lay_out(hth_keeping *keeping, hth_arena *arena, const hth_keep *kind,
                         const hth_keep_size *size, size_t count, const hth_block *blocks,
                         size_t block_count);

/* Reads the options, once laid out. */
hth_status hth_keeping_read(hth_keeping *keeping, const hth_settings *settings, hth_error *error);

/* HTH_INVALID for options without meaning. */
hth_status hth_keep_size_of(const hth_keep *kind, const hth_settings *settings, hth_keep_size *out,
                            hth_error *error);

/* An update begins, of scale times the gradient, and with clipping factor times. Returns the factor that the method is
 * to take. */
double hth_keeping_open(hth_keeping *keeping, hth_real *theta, double scale, double factor);

/* Prepares for parameters of that learning rate. */
void hth_keeping_prepare(hth_keeping *keeping, double rate);

/* Parameters offset..offset+count-1, which stand at theta. */
hth_keep_piece hth_keeping_piece(const hth_keeping *keeping, size_t offset, size_t count,
                                 hth_real *theta);

/* Adds what pulls to g[count] of the method, own times the task's gradient as it is clipped. */
void hth_keeping_before(const hth_keeping *keeping, const hth_keep_piece *piece, hth_real *g);

/* The method has made its step from piece->was to piece->theta. */
void hth_keeping_after(const hth_keeping *keeping, const hth_keep_piece *piece);

/* u is one more input of the weights at `offset` of theta that updates are to leave. Does nothing where none are
 * projected. */
void hth_keeping_span(hth_keeping *keeping, size_t offset, const hth_real *theta,
                      const hth_real *u);

/* The gradient g[count] as updates take it, in an array of its own. */
hth_real *hth_keeping_project(hth_keeping *keeping, const hth_real *g);

/* Whether the update, which ends, is one after which to consolidate; counts it. */
bool hth_keeping_close(hth_keeping *keeping);

/* Importance and anchor of all parameters. squares, correction: as hth_keep_piece has them. */
void hth_keeping_consolidate(hth_keeping *keeping, hth_real *theta, const hth_real *squares,
                             double correction);

/* As hth_optimiser_state. */
size_t hth_keeping_state(hth_keeping *keeping, hth_field *fields, size_t capacity);

#endif
