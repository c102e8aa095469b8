/* The catalogue of losses, and what all have in common. */
#include "network/losses/losses.h"
#include "network/catalogues.h"

#define LIST(name) HTH_EVERY_LEVEL(hth_loss_##name),
static const hth_loss *const losses[][HTH_LEVEL_COUNT] = {HTH_LOSSES(LIST)};

static const hth_option common[] = {
    {.name = "batch",
     .help = "over the items of the batch the loss is a mean (divided by their number, whatever "
             "their weights) "
             "or a sum (Bellec et al. 2019)",
     .fallback = "mean",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"mean", "sum", NULL},
     .offset = offsetof(hth_loss_common, batch)},
    {.name = "time",
     .help =
         "over the steps of a sequence the loss is a sum, a mean (divided, for each item, by its "
         "steps), or a mean over the window of steps that count (divided by the sum of their "
         "weights). The gradient of a sequence is the same for tapes of any length. mean and "
         "window need sequences that end",
     .fallback = "sum",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"sum", "mean", "window", NULL},
     .offset = offsetof(hth_loss_common, time)},
    {.name = "class_weights",
     .help =
         "for targets that are classes: what the loss of a step counts by its class, one number "
         "or a list for all classes; accuracy and decisions are not changed, and metrics made of "
         "the loss are refused. Frequent classes may count less: "
         "N / (classes n_c) for n_c of N",
     .fallback = "1",
     .kind = HTH_KIND_UNITS,
     .min = 0,
     .max = 1e6,
     .offset = offsetof(hth_loss_common, class_weights)},
};

const hth_loss *hth_loss_at(size_t index) {
    return losses[index][hth_level];
}

static const hth_part *part_at(size_t index) {
    return &losses[index][HTH_LEVEL_PLAIN]->part;
}

const hth_catalogue hth_losses = {
    .kind = "loss",
    .summary = "What is minimised. Without loss.name: mse for targets that are values, softmax for "
               "classes.",
    .key = "loss.name",
    .fallback = NULL, /* follows from the targets: mse for values, softmax for classes */
    .common = {"loss", common, HTH_COUNT(common)},
    .count = HTH_COUNT(losses),
    .at = part_at,
};
