/* What signals with a feedback matrix of their own share: F[outputs][n] of the top layer, q = F^T err. */
#ifndef HTH_FEEDBACK_H
#define HTH_FEEDBACK_H

#include "credit/learner.h"

typedef struct hth_feedback {
    hth_real *F;
    double deviation; /* standard deviation of an entry */
    uint64_t window;  /* which matrix of the sequence F is; UINT64_MAX: none */
} hth_feedback;

/* learner.feedback_variance, at the offset of the part's options struct. */
#define HTH_FEEDBACK_VARIANCE(type)                                                                \
    {                                                                                              \
        .name = "feedback_variance",                                                               \
        .help = "variance of a feedback weight: outputs (1 over their number: Murray 2019; "       \
                "Marschall et al. 2019), units (1 over their number: Bellec et al. 2019, tasks "   \
                "1.1 and 1.2) or a number",                                                        \
        .fallback = "outputs", .kind = HTH_KIND_TEXT, .offset = offsetof(type, variance)           \
    }

/* Why the text is no variance, or NULL. */
const char *hth_feedback_objection(const char *variance);

/* Places a matrix, not yet drawn. */
hth_feedback *hth_feedback_lay_out(hth_arena *arena, const hth_learner *plan, const char *variance);

/* Makes F the matrix of that window: by seed and window alone. */
void hth_feedback_draw(const hth_learner *learner, hth_feedback *feedback, uint64_t window);

/* The deviation that learner.feedback_variance names, and F[count] of it from a stream that is not 0: by seed alone. */
double hth_feedback_deviation(const char *variance, size_t outputs, size_t units);
void hth_feedback_normal(const hth_learner *learner, uint32_t stream, double deviation,
                         size_t count, hth_real *F);

size_t hth_feedback_needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]);

#endif
