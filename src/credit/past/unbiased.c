/* Options, refusals and small sums of the unbiased pasts: see unbiased.h. */
#include "credit/past/unbiased.h"

#include <math.h>

/* Tallec & Ollivier's code adds 1e-5; what single precision adds must be smaller than the norms of its noise. */
#ifdef HTH_DOUBLE
#define EPSILON "1e-5"
#else
#define EPSILON "1e-7"
#endif

const hth_option hth_unbiased_options_table[HTH_UNBIASED_OPTIONS] = {
    {.name = "rho_epsilon",
     .help =
         "added to both norms in rho = sqrt((|x| + e) / (|y| + e)); default 1e-5 in double (code "
         "of Tallec & Ollivier 2017), 1e-7 in single precision",
     .fallback = EPSILON,
     .kind = HTH_KIND_REAL,
     .min = 1e-30,
     .max = 1,
     .offset = offsetof(hth_unbiased_options, rho_epsilon)},
    {.name = "noise",
     .help = "nu: random signs, of the smallest variance, or normal deviates; both unbiased",
     .fallback = "signs",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"signs", "normal", NULL},
     .offset = offsetof(hth_unbiased_options, noise)},
};

double hth_rho(const hth_unbiased_options *options, double x_square, double y_square) {
    return sqrt((sqrt(x_square) + options->rho_epsilon) / (sqrt(y_square) + options->rho_epsilon));
}

void hth_unbiased_draw(hth_learner *learner, size_t count, hth_real *nu) {
    const hth_unbiased_options *o = learner->past.options;
    if (o->noise == 0)
        hth_noise_signs(&learner->noise, count, nu);
    else
        hth_noise_normal(&learner->noise, count, nu);
}

void hth_unbiased_clean(const hth_network *net, hth_gradient *gradient) {
    for (size_t l = 0; l < net->layer_count; l++)
        hth_layer_mask(&net->layers[l], gradient->values + net->layers[l].weight);
    for (size_t row = 0; net->embedding && row < net->shape.vocabulary; row++)
        hth_gradient_row(gradient, row);
}
