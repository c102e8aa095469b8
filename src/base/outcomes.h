/* What came of the episodes of a world, summed over those that have ended. */
#ifndef HTH_OUTCOMES_H
#define HTH_OUTCOMES_H

typedef struct hth_outcomes {
    double episodes; /* how many have ended */
    double rewards;  /* their rewards */
    double
        missed; /* what the best actions would have earned beyond the actions taken, in expectation; NAN: unknown */
    double steps; /* their steps */
} hth_outcomes;

#endif
