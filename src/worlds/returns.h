/* What becomes of the rewards of an episode before a network learns from them (returns.c, additive.c). */
#ifndef HTH_RETURNS_H
#define HTH_RETURNS_H

#include "base/base.h"

/* The generalised advantage estimate (Schulman et al. 2016, eq. 16): delta_t = r_t + gamma V_{t+1} - V_t,
 * A_t = delta_t + gamma lambda A_{t+1}. values[steps + 1]: the last is 0 where the episode ends. */
void hth_advantages(size_t steps, const double *rewards, const double *values, double gamma,
                    double lambda, double *advantages);

/* Where the reads of one head of a store point: of step t, rows from first[t] to first[t + 1] - 1. */
typedef struct hth_reads {
    const size_t *first; /* [steps + 1] */
    const hth_row_read *rows;
    const double *strengths; /* [steps]: beta of each read; NULL: weights say how sure it is */
} hth_reads;

typedef struct hth_transport_form {
    double gamma, share; /* 0 to 1: the discount, and the part of the value that is moved */
    size_t rows;         /* so many of a read get value, those of largest weight; 0: all */
    bool next; /* V_{t2+1} is moved, as in the paper's pseudocode; else V_t2, as in its code */
} hth_transport_form;

/*
 * Temporal value transport (Hung et al. 2019): a reward that memory will need is moved to the step that it remembers. A
 * step counts if the row that has most of its read was written more than `quiet` = 1 / (1 - gamma) steps before (25
 * where gamma is 1), and its strength beta is above 2. In each unbroken run of steps that count, that of largest beta,
 * t2, gives each row written more than `quiet` steps before
 *
 *     r_s += share weight_s V_t2
 *
 * Without strengths the largest weight of a read stands for beta, and one half for 2. Of equal betas the first
 * counts. values[steps + 1] as for hth_advantages. Adds to rewards[steps].
 */
void hth_transport(const hth_transport_form *how, const hth_reads *reads, size_t steps,
                   const double *values, double *rewards);

/*
 * A predictor of an episode's return that is additive over its steps, G ~ sum_t w . phi_t, by recursive least squares
 * over episodes. With phi a step's observation and action, w . phi_t is what the step contributes, which redistributes
 * the return (Arjona-Medina et al. 2019; their predictor is an LSTM).
 */
typedef struct hth_additive {
    size_t features;
    double *w, *P;   /* [features], [features][features]; states of a checkpoint */
    double *sum, *k; /* scratch, [features] */
} hth_additive;

hth_status hth_additive_create(size_t features, hth_additive *out, hth_error *error);
void hth_additive_destroy(hth_additive *of);
/* What a step contributes. */
double hth_additive_share(const hth_additive *of, const double *features);
/* Learns of an episode: sum[features], the sum of all phi_t, and the return. */
void hth_additive_learn(hth_additive *of, const double *sum, double back);
/* rewards[steps] become what phi[steps][features] contribute, and what is missing of their sum in equal parts: the sum
 * stays the same. */
void hth_redistribute(const hth_additive *of, size_t steps, const double *phi, double *rewards);

#endif
