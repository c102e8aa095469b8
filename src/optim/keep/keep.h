/*
 * What stands between gradient and optimiser, so that what is learned now leaves what was learned before (section
 * `keep`). A part is a few elementwise verbs; most of them find how important each parameter is, and then one form
 * pulls it back (Kirkpatrick et al. 2017, eq. 3):
 *
 *     P(theta) = c/2 sum_i Omega_i (theta_i - a_i)^2      Omega: importance, a: anchor, c: keep.strength
 *
 *     gradient    g_i <- g_i + c Omega_i (theta_i - a_i)                before the method; after the task's own
 *                                                                       gradient has been clipped
 *     proximal    theta_i <- (theta_i + eta c Omega_i a_i) / (1 + eta c Omega_i)        after the method's step
 *
 * The second is the minimiser of P(theta) + |theta - theta'|^2 / (2 eta), with the parameter's own learning rate eta.
 */
#ifndef HTH_KEEP_H
#define HTH_KEEP_H

#include "base/options.h"
#include "kernels/level.h"
#include "optim/inspect.h"

enum {
    HTH_MOST_KEPT = 15,    /* arrays of a part, a number a parameter each */
    HTH_KEEP_NUMBERS = 32, /* that a part prepares for a learning rate */
};

/* Parameters that follow one another, and what is kept of each; every array begins at the first of them. */
typedef struct hth_keep_piece {
    const void *options;
    const hth_real *number; /* what `prepare` made */
    size_t count;
    hth_real *theta;
    const hth_real *was;      /* theta before the update; of `after` alone */
    const hth_real *gradient; /* the task's, before it was clipped; in `note`, what is noted */
    hth_real scale;           /* of that gradient */
    hth_real *kept[HTH_MOST_KEPT];
    double sequences; /* that have been noted since the last consolidation */
    /* Of `consolidate`, where the method keeps them: the mean squared gradient is `correction` times these. */
    const hth_real *squares;
    hth_real correction;
} hth_keep_piece;

/* How parameters are pulled: the options of a part that pulls begin with this. */
typedef struct hth_keep_pull {
    double strength; /* c */
    int step;        /* HTH_KEEP_GRADIENT, HTH_KEEP_PROXIMAL */
    int64_t every;   /* consolidate after so many updates; 0: only where the caller says so */
    double decay;    /* Omega <- decay Omega + what was found */
    int anchor;      /* HTH_ANCHOR_LAST, HTH_ANCHOR_MEAN */
} hth_keep_pull;

enum { HTH_KEEP_GRADIENT, HTH_KEEP_PROXIMAL };
enum { HTH_ANCHOR_LAST, HTH_ANCHOR_MEAN };

/* How the importance is found, for the pass over sequences that the caller makes: the options of a part that notes
 * have this behind hth_keep_pull. */
typedef struct hth_keep_pass {
    int importance; /* of ewc: 0 sampled, 1 expected, 2 empirical, 3 updates, 4 drawn */
    int64_t sequences;
    const char *learner;
} hth_keep_pass;

/* The projectors of weights [rows][columns]: p[columns][columns] of what they read, q[rows][rows] of what they make of
 * it. q NULL: there is none. */
typedef struct hth_keep_sides {
    size_t rows, columns;
    hth_real *p, *q;
} hth_keep_sides;

/* What pulls. */
enum { HTH_PULLS_NOT, HTH_PULLS_ALIKE, HTH_PULLS_BY_IMPORTANCE };

typedef struct hth_keep {
    hth_part part;
    size_t options_size;
    /* HTH_PULLS_ALIKE: kept[0] is the anchor; HTH_PULLS_BY_IMPORTANCE: kept[0] importance, kept[1] anchor */
    int pulls;
    const char *const *names; /* of the arrays, NULL-terminated; NULL: u2, u3, ... */
    /* How many arrays, where it depends on options; NULL: as many as there are names. */
    size_t (*arrays)(const void *options);
    size_t
        operations; /* multiply-adds of an update; of a part without names, for each array and theta */
    bool of_squares; /* needs a method that keeps the mean squared gradient */
    bool
        notes; /* `consolidate` needs what has been noted; behind hth_keep_pull, options are hth_keep_pass */
    hth_importance of; /* what is to be noted, the first of its choices */
    /* Computes `number` for a learning rate, once for all parameters of a stretch. NULL: none. */
    void (*prepare)(const void *options, double rate, hth_real *number);
    void (*begin)(const hth_keep_piece *piece); /* before the first update. NULL: nothing */
    void (*after)(const hth_keep_piece *piece); /* the method's step and the pull. NULL: nothing */
    void (*note)(const hth_keep_piece *piece);  /* a gradient. NULL: nothing */
    void (*consolidate)(const hth_keep_piece *piece); /* the end of a task. NULL: nothing */
    /* Of a part that projects: u[m] is one more input, or drive, that updates leave, with k[m] scratch;
     * out[rows][m] = Q g P, with row[m] scratch. q NULL: out = g P. */
    void (*span)(const void *options, size_t m, const hth_real *u, hth_real *p, hth_real *k);
    void (*project)(const hth_keep_sides *sides, const hth_real *g, hth_real *out, hth_real *row);
    /* Whether there is a Q, by the options. NULL: there is none. */
    bool (*both)(const void *options);
    /* Whether `after` has something to do. NULL: whenever there is one. */
    bool (*follows)(const void *options);
} hth_keep;

/* <name>.c: a new part is a file in this folder and a name in this list. */
#ifndef HTH_KEEPS
#define HTH_KEEPS(X)                                                                               \
    X(none) X(anchor) X(ewc) X(si) X(moments) X(metaplastic) X(chain) X(mas) X(project)
#endif

#define HTH_DECLARE_KEEP(name) HTH_DECLARE_PARTS(const hth_keep, hth_keep_##name)
HTH_KEEPS(HTH_DECLARE_KEEP)

const hth_keep *hth_keep_at(size_t index);

/* g[count] += c Omega_i (theta_i - a_i). importance NULL: all 1. */
HTH_VERB(void, hth_keep_pull_gradient,
         (size_t count, hth_real c, const hth_real *importance, const hth_real *anchor,
          const hth_real *theta, hth_real *g));
#define hth_keep_pull_gradient HTH_NOW(hth_keep_pull_gradient)

/* The proximal step; stiffness = eta c. */
HTH_VERB(void, hth_keep_pull_proximal,
         (size_t count, hth_real stiffness, const hth_real *importance, const hth_real *anchor,
          hth_real *theta));
#define hth_keep_pull_proximal HTH_NOW(hth_keep_pull_proximal)

/* ---- Options that parts share ---- */

#define HTH_KEEP_OPTION(type, member) .offset = offsetof(type, member)

#define HTH_KEEP_STRENGTH(type)                                                                    \
    {                                                                                              \
        .name = "strength", .help = "c of the penalty c/2 sum importance (theta - anchor)^2",      \
        .fallback = "1", .kind = HTH_KIND_REAL, .min = 0, .max = 1e15,                             \
        HTH_KEEP_OPTION(type, pull.strength)                                                       \
    }
#define HTH_KEEP_STEP(type)                                                                        \
    {                                                                                              \
        .name = "step",                                                                            \
        .help = "how the penalty acts: its gradient is added to the task's, which is clipped "     \
                "before (gradient; an adaptive method then divides it too), or its exact "         \
                "minimiser is taken after the method's step (proximal: stable for any strength, "  \
                "which has another scale)",                                                        \
        .fallback = "gradient", .kind = HTH_KIND_CHOICE,                                           \
        .choices = (const char *const[]){"gradient", "proximal", NULL},                            \
        HTH_KEEP_OPTION(type, pull.step)                                                           \
    }
#define HTH_KEEP_EVERY(type)                                                                       \
    {                                                                                              \
        .name = "every",                                                                           \
        .help = "updates after which importance and anchor are taken anew, without a task that "   \
                "ends; 0: only at the end of a task",                                              \
        .fallback = "0", .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e15,                          \
        HTH_KEEP_OPTION(type, pull.every)                                                          \
    }
#define HTH_KEEP_DECAY(type)                                                                       \
    {                                                                                              \
        .name = "decay",                                                                           \
        .help = "what is kept of the importance when more is added (Schwarz et al. 2018), in "     \
                "0..1; 1: all tasks count alike",                                                  \
        .fallback = "1", .kind = HTH_KIND_REAL, .min = 0, .max = 1,                                \
        HTH_KEEP_OPTION(type, pull.decay)                                                          \
    }
#define HTH_KEEP_ANCHOR(type)                                                                      \
    {                                                                                              \
        .name = "anchor",                                                                          \
        .help = "where parameters are pulled to: as they were at the end of the last task, or "    \
                "the mean of all ends by importance, which makes one penalty of those of all "     \
                "tasks (Huszar 2018)",                                                             \
        .fallback = "last", .kind = HTH_KIND_CHOICE,                                               \
        .choices = (const char *const[]){"last", "mean", NULL}, HTH_KEEP_OPTION(type, pull.anchor) \
    }

#define HTH_KEEP_PULL(type)                                                                        \
    HTH_KEEP_STRENGTH(type), HTH_KEEP_STEP(type), HTH_KEEP_EVERY(type), HTH_KEEP_DECAY(type)

#define HTH_KEEP_PASS(type)                                                                        \
    {.name = "sequences",                                                                          \
     .help = "of a run: how many sequences of the training data the importance is taken from "     \
             "when a task ends",                                                                   \
     .fallback = "200",                                                                            \
     .kind = HTH_KIND_INTEGER,                                                                     \
     .min = 1,                                                                                     \
     .max = 1e9,                                                                                   \
     HTH_KEEP_OPTION(type, pass.sequences)},                                                       \
    {                                                                                              \
        .name = "learner",                                                                         \
        .help =                                                                                    \
            "of a run: the learner (learner.name) whose gradients give the importance; empty: "    \
            "the run's own",                                                                       \
        .fallback = "", .kind = HTH_KIND_TEXT, HTH_KEEP_OPTION(type, pass.learner)                 \
    }

/* Adds `found` to the importance of parameter i, whose anchor becomes what it is now, or the mean. Two penalties with
 * Omega_1, a_1 and Omega_2, a_2 are one with Omega_1 + Omega_2 and the mean of the anchors by Omega. */
static inline void hth_keep_take(const hth_keep_pull *pull, const hth_keep_piece *p, size_t i,
                                 hth_real found) {
    const hth_real old = (hth_real)pull->decay * p->kept[0][i], total = old + found;
    const bool mean = pull->anchor == HTH_ANCHOR_MEAN && total > 0;
    p->kept[1][i] = mean ? (old * p->kept[1][i] + found * p->theta[i]) / total : p->theta[i];
    p->kept[0][i] = total;
}

#endif
