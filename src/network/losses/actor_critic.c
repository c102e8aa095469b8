/*
 * The loss of an actor and a critic that share a network (Williams 1992; Sutton & Barto 2018, section 13.5). Of the
 * A + 1 outputs, the first A are logits of actions, pi = softmax(y_0 .. y_{A-1}), and the last one is a value V:
 *
 *     E            = - sum_k T_k log pi_k + value / 2 (V - G)^2 - entropy H(pi)
 *     dE/dy_k      = pi_k sum(T) - T_k + entropy pi_k (log pi_k + H),   k < A
 *     dE/dV        = value (V - G)
 *
 * The targets are (T_0 .. T_{A-1}, G), all constants for the gradient: T_k = advantage if action k was taken, else 0,
 * and G is the return. T may have any sign. In a step whose T are all 0 no action was taken: it has no entropy.
 */
#include "kernels/elementwise.h"
#include "network/losses/losses.h"

typedef struct actor_critic_options {
    double value, entropy, entropy_end;
    double now; /* entropy at this moment of the run */
} actor_critic_options;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(actor_critic_options, field), __VA_ARGS__ }

static const hth_option options[] = {
    OPTION(value, .help = "weight of the squared error of the value", .fallback = "0.5",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1e6),
    OPTION(entropy,
           .help = "weight of the entropy of the policy, which the loss makes larger; with "
                   "agent.name = ac-lambda it is a reward, -log of the probability of the action",
           .fallback = "0", .kind = HTH_KIND_REAL, .min = 0, .max = 1e6),
    OPTION(entropy_end,
           .help = "the same at the end of the run; it changes evenly between. -1: as at the start",
           .fallback = "-1", .kind = HTH_KIND_REAL, .min = -1, .max = 1e6),
};

/* The policy of one item. */
typedef struct policy {
    size_t actions;
    double log_sum;    /* log sum_k exp(y_k) */
    double targets;    /* sum_k T_k */
    double entropy;    /* H */
    bool acts;         /* some T_k is not 0 */
    const hth_real *T; /* [actions], then G */
} policy;

static policy look(const hth_loss_tile *tile, const hth_real *y, size_t item) {
    policy p = {.actions = tile->outputs - 1, .T = tile->chunk->targets + item * tile->outputs};
    double peak = (double)y[item], sum = 0;
    for (size_t k = 1; k < p.actions; k++)
        if ((double)y[k * tile->stride + item] > peak) peak = (double)y[k * tile->stride + item];
    for (size_t k = 0; k < p.actions; k++) {
        sum += hth_exp64((double)y[k * tile->stride + item] - peak);
        p.targets += (double)p.T[k];
        p.acts = p.acts || p.T[k] != 0;
    }
    p.log_sum = peak + hth_log64(sum);
    for (size_t k = 0; k < p.actions; k++) {
        const double log_pi = (double)y[k * tile->stride + item] - p.log_sum;
        p.entropy -= hth_exp64(log_pi) * log_pi;
    }
    return p;
}

static double measure(const hth_loss_tile *tile, hth_real *y) {
    const actor_critic_options *o = tile->options;
    double total = 0;
    for (size_t i = 0; i < tile->items; i++) {
        const policy p = look(tile, y, i);
        const double missed = (double)y[p.actions * tile->stride + i] - (double)p.T[p.actions];
        double loss = 0.5 * o->value * missed * missed;
        for (size_t k = 0; k < p.actions; k++)
            loss -= (double)p.T[k] * ((double)y[k * tile->stride + i] - p.log_sum);
        if (p.acts) loss -= o->now * p.entropy;
        total += (double)hth_loss_weight(tile, i) * loss;
    }
    return total;
}

static void error_of(const hth_loss_tile *tile, const hth_real *y, size_t width, hth_real *error) {
    const actor_critic_options *o = tile->options;
    for (size_t i = 0; i < tile->items; i++) {
        const policy p = look(tile, y, i);
        const double weight = (double)hth_loss_weight(tile, i), entropy = p.acts ? o->now : 0;
        for (size_t k = 0; k < p.actions; k++) {
            const double log_pi = (double)y[k * tile->stride + i] - p.log_sum;
            const double pi = hth_exp64(log_pi);
            error[k * width + i] = (hth_real)(weight * (pi * p.targets - (double)p.T[k] +
                                                        entropy * pi * (log_pi + p.entropy)));
        }
        error[p.actions * width + i] =
            (hth_real)(weight * o->value *
                       ((double)y[p.actions * tile->stride + i] - (double)p.T[p.actions]));
    }
}

static double anneal(void *given, double progress, bool as_reward) {
    actor_critic_options *o = given;
    const double end = o->entropy_end < 0 ? o->entropy : o->entropy_end;
    const double entropy = o->entropy + progress * (end - o->entropy);
    o->now = as_reward ? 0 : entropy;
    return entropy;
}

HTH_PART_OF(const hth_loss, hth_loss_actor_critic) = {
    .part = {.name = "actor-critic",
             .summary = "policy gradient, the squared error of a value, and an entropy: for worlds",
             .source = "Williams 1992; Sutton & Barto 2018, section 13.5; Mnih et al. 2016",
             .options = {"loss", options, HTH_COUNT(options)}},
    .options_size = sizeof(actor_critic_options),
    .least_outputs = 2,
    .most_outputs = 256, /* in one tile */
    .of_actions = true,
    .anneal = anneal,
    .measure = measure,
    .error = error_of,
};
